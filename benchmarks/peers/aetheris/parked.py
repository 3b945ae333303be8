"""W7: jobs that wait, by the thousand. They are rows: no process holds anything of them."""

import time
from typing import Any

from benchmarks.measure import database, loops
from benchmarks.measure.driver import tell
from benchmarks.measure.environ import QUICK
from benchmarks.measure.latency import milliseconds
from benchmarks.peers.aetheris import user, workloads
from benchmarks.peers.aetheris.copies import copy_job
from benchmarks.peers.aetheris.installation import DATABASE
from jobs.engine.sweep import sweep

SUBMITTED = 2 if QUICK else 10_000
"""So many are made as users make them; those beyond are copies of the first one's rows."""
SWEEPS = 10
SAMPLE = 5 if QUICK else 30


def parked(count: int = 100_000) -> None:
    installation = workloads.warmed(1)
    submitted = min(count, SUBMITTED)
    submit = user.Portions("parked", submitted)

    def then() -> None:
        if count > submitted:
            copy_job(submit.made[0], count - submitted)

    figures = loops.parked(
        installation.meter(),
        submit,
        submitted,
        lambda: database.size(DATABASE),
        _others,
        lambda: user.await_parked(submit.made, loops.PATIENCE),
        then,
    )
    tell("w7", f"{installation.mode}, by the hundred", **figures, copied=count - submitted)


def _others() -> dict[str, Any]:
    """What everything else costs, with whatever is parked now."""
    return {
        "sweep": milliseconds([_sweep() for _ in range(SWEEPS)]),
        "w5": workloads.start_latencies(SAMPLE),
        "w3": workloads.wake_ups(SAMPLE),
    }


def _sweep() -> float:
    began = time.perf_counter()
    sweep()
    return time.perf_counter() - began
