"""W7: jobs that wait, by the thousand. They are rows: no process holds anything of them."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import UUID

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
SUBMITTERS = 4
"""So many threads of the driver submit at once."""
SWEEPS = 10
SAMPLE = 5 if QUICK else 30


def parked(count: int = 100_000) -> None:
    installation, jobs = workloads.warmed(1), list[Future[UUID]]()
    submitted = min(count, SUBMITTED)

    def all_parked() -> None:
        user.await_parked([job.result() for job in jobs], loops.PATIENCE)

    def then() -> None:
        if count > submitted:
            copy_job(jobs[0].result(), count - submitted)

    with ThreadPoolExecutor(SUBMITTERS) as submitters:
        figures = loops.parked(
            installation.meter(),
            lambda name: jobs.append(submitters.submit(user.send, "parked", name)),
            submitted,
            lambda: database.size(DATABASE),
            _others,
            all_parked,
            then,
        )
    tell("w7", f"{installation.mode}, {SUBMITTERS} submitters", **figures, copied=count - submitted)


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
