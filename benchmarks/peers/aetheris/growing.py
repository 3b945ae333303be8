"""How cost grows: with the width of a fan-out, and with the tenants that have something READY."""

import time
from datetime import timedelta

from aetheris.core import registry
from benchmarks.catalogue import TENANTS, WIDTHS
from benchmarks.measure import loops, marks
from benchmarks.measure.driver import tell
from benchmarks.measure.latency import percentile
from benchmarks.measure.processes import end_all
from benchmarks.peers.aetheris import user, workloads
from jobs.engine.submit import NewJob, submit_all
from jobs.models import Node

WAITING = 1_000
"""So many jobs wait for a worker, of as many tenants as are asked for."""
LOOKS = 20
QUEUES = ["realtime", "default"]
COMPANY = 64
"""What a worker asks for at once."""


def wide(*widths: int) -> None:
    """A step, so many at once, a step: by branch, from the submission to the join."""
    installation = workloads.warmed(1)
    for width in widths or WIDTHS:
        marks.forget()
        began = time.time()
        user.send("fan", "job-0", width)
        marks.await_marks(1, loops.PATIENCE)
        tell("wide", installation.mode, width=width, ms_per_branch=round(1000 * (marks.last() - began) / width, 3))


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
        assert Node.objects.look(QUEUES, registry.code_here(), timedelta(0), COMPANY).nodes  # noqa: S101
        took.append(time.perf_counter() - began)
    return round(1000 * percentile(took, 0.5), 2)
