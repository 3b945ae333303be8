"""How cost grows: with the width of a fan-out, and with the tenants that have something READY."""

import time
from datetime import timedelta
from statistics import median

from aetheris.core import registry
from benchmarks.catalogue import TENANTS, WIDTHS
from benchmarks.measure import loops, marks
from benchmarks.measure.driver import tell
from benchmarks.measure.processes import end_all
from benchmarks.peers.aetheris import user, workloads
from jobs.engine.go_on import LOOK
from jobs.engine.submit import NewJob, submit_all
from jobs.models import Node

WAITING = 1_000
"""So many jobs of the first tenant wait, and of each new one a part of that by the count of tenants."""
LOOKS = 20
QUEUES = ["realtime", "default"]


def wide(*widths: int) -> None:
    """A step, so many at once, a step: by branch, from the submission to the join. Of narrow ones the median."""
    installation = workloads.warmed(1)
    _joined(1)
    for width in widths or WIDTHS:
        took = [_joined(width) for _ in range(max(1, loops.GROWTH_STEPS // width))]
        each = 1000 * median(took) / width
        tell("wide", installation.mode, width=width, jobs=len(took), ms_per_branch=round(each, 3))


def _joined(width: int) -> float:
    marks.forget()
    loops.pause()
    began = time.time()
    user.send("fan", "job-0", width)
    marks.await_marks(1, loops.PATIENCE)
    return marks.last() - began


def tenants(*counts: int) -> None:
    """A worker's look at what is due, with no worker there that would take it."""
    end_all()
    made = 0
    for count in counts or TENANTS:
        for number in range(made, count):
            _submit(f"tenant-{number}", WAITING // count or 1)
        made = count
        tell("tenants", tenants=count, waiting=Node.objects.filter(state="ready").count(), look_ms=_look())


def _submit(tenant: str, jobs: int) -> None:
    for _ in range(0, jobs, user.PORTION):
        new = [NewJob(f"job-{number} 1") for number in range(min(jobs, user.PORTION))]
        submit_all("chain", new, tenant=tenant, requested_by=user.USER)


def _look() -> float:
    took = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        assert Node.objects.look(QUEUES, registry.code_here(), timedelta(0), LOOK).nodes  # noqa: S101
        took.append(time.perf_counter() - began)
    return round(1000 * median(took), 2)
