"""W1 to W6 on Aetheris."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from benchmarks.measure import loops, marks
from benchmarks.measure.driver import tell
from benchmarks.measure.environ import QUICK, THREADS
from benchmarks.measure.latency import percentile
from benchmarks.measure.processes import kill
from benchmarks.peers.aetheris import user
from benchmarks.peers.aetheris.installation import Installation, running

JOBS = 800
STARTS = 5 if QUICK else 50
CHAIN, CALLS, CODE = "chain", "calls", "code"
"""Ten steps as functions, as calls of a tool, and as calls in the code of one step node."""
SIZE = {"fan": loops.WIDTH}
WATCHED = 60.0


def submit(agent: str, size: int = 0) -> loops.Act:
    return lambda name: user.send(agent, name, size or SIZE.get(agent, loops.STEPS))


def warmed(threads: int = THREADS) -> Installation:
    """Every thread of every worker has run something."""
    installation = running(threads)
    loops.run(submit(CHAIN), 4 * len(installation.workers) * THREADS)
    return installation


def of_each_mode() -> Iterator[Installation]:
    """With one thread a worker, then with several."""
    return map(warmed, (1, THREADS))


def throughput(jobs: int = JOBS) -> None:
    installation = warmed(1)
    for mode, sent in (("", submit(CHAIN)), (", by the hundred", user.Portions(CHAIN, jobs, loops.STEPS))):
        tell("w1", f"{CHAIN}, {installation.mode}{mode}", **loops.throughput(installation.meter(), sent, jobs))
    installation = warmed()
    for agent, count in {CHAIN: jobs, CALLS: jobs, CODE: jobs // 4 or 1}.items():
        figures = loops.throughput(installation.meter(), submit(agent), count)
        tell("w1", f"{agent}, {installation.mode}", **figures)


def fan_out(*at_once: int) -> None:
    for installation in of_each_mode():
        loops.run(submit("fan"), 1)
        for count in at_once or (1, 20):
            tell("w2", installation.mode, **loops.fan_out(installation.meter(), submit("fan"), count))


def wake_up(jobs: int = 100) -> None:
    for installation in of_each_mode():
        tell("w3", installation.mode, **wake_ups(jobs))


def wake_ups(jobs: int) -> dict[str, float]:
    """Park so many jobs, then signal one after the other."""
    parked = {name: user.send("parked", name) for name in (f"job-{number}" for number in range(jobs))}
    user.await_parked(list(parked.values()), loops.PATIENCE)
    marks.forget()
    return loops.wake_ups(lambda name: user.go_on(parked[name]), jobs)


def growth(*lengths: int) -> None:
    installation = warmed()
    for length in lengths or (10, 100, 1_000, 10_000):
        tell("w4", installation.mode, **loops.growth(submit("long", length), length))


def start_latency(jobs: int = STARTS) -> None:
    for installation in of_each_mode():
        tell("w5", installation.mode, **start_latencies(jobs))


def start_latencies(jobs: int) -> dict[str, Any]:
    """With the way to the result: how far it was, at each stage, after how many milliseconds."""
    sent: list[tuple[float, float, UUID]] = []

    def run_one(name: str) -> None:
        began = time.time()
        job = user.send(CHAIN, name, 1)
        sent.append((began, time.time(), job))
        user.result(job)

    figures = loops.starts(run_one, jobs)
    ways = [_way(*each) for each in sent]
    way = {stage: round(percentile([each[stage] for each in ways], 0.5), 1) for stage in ways[0]}
    return figures | {"way_ms": way, "result_by": user.RESULT_BY}


def _way(began: float, submitted: float, job: UUID) -> dict[str, float]:
    stages = {"submitted": submitted, **user.stages(job)}
    return {stage: 1000 * (at - began) for stage, at in stages.items()}


def recovery() -> None:
    """One of two workers is killed."""
    installation = running()
    tell("w6", f"{installation.mode}, defaults", **loops.recovery(submit("slow"), kill, WATCHED))
