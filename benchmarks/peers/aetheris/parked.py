"""W7: jobs that wait, by the thousand. They are rows: no process holds anything of them."""

import time
from typing import Any

from benchmarks.measure import database
from benchmarks.measure.driver import tell
from benchmarks.measure.latency import milliseconds
from benchmarks.peers.aetheris import user, workloads
from benchmarks.peers.aetheris.copies import copy_job
from benchmarks.peers.aetheris.installation import DATABASE, Installation
from jobs.engine.sweep import sweep

SUBMITTED = 10_000
"""So many are made as users make them; those beyond are copies of the first."""
SWEEPS = 10
SAMPLE = 30


def parked(count: int = SUBMITTED) -> None:
    """Make them, then look what the idle system and everybody else pays for them."""
    installation = Installation()
    workloads.warm(installation)
    before = _around(installation)
    size, submitted = database.size(DATABASE), min(count, SUBMITTED)
    meter = installation.meter().begin()
    jobs = user.send_all("parked", submitted)
    submit_seconds = time.time() - meter.began
    user.await_parked(jobs, workloads.PATIENCE)
    used = meter.end()
    each = (database.size(DATABASE) - size) / submitted
    if count > submitted:
        copy_job(jobs[0], count - submitted)
    tell(
        "w7",
        installation.mode,
        parked=count,
        copied=count - submitted,
        submit_s=round(submit_seconds, 1),
        create_s=round(used.seconds, 1),
        create_cpu_s=round(used.cpu_seconds, 2),
        bytes_each=round(each),
        before=before,
        beside=_around(installation),
    )


def _around(installation: Installation) -> dict[str, Any]:
    """What everything else costs, with whatever is parked now."""
    time.sleep(2)
    idle = installation.meter().idle()
    return {
        "idle_ms_per_s": idle,
        "idle_percent": round(sum(idle.values()) / 10, 2),
        "memory_mb": installation.memory(),
        "sweep": milliseconds([_sweep() for _ in range(SWEEPS)]),
        "w5": workloads.start_latencies(SAMPLE),
        "w3": workloads.wake_ups(SAMPLE),
    }


def _sweep() -> float:
    began = time.perf_counter()
    sweep()
    return time.perf_counter() - began
