"""W1 to W6 on Aetheris."""

import random
import time
from typing import Any

from benchmarks.measure import marks
from benchmarks.measure.driver import tell
from benchmarks.measure.latency import milliseconds
from benchmarks.measure.processes import kill
from benchmarks.peers.aetheris import user
from benchmarks.peers.aetheris.installation import Installation, start_worker

STEPS = 10
WIDTH = 100
STARTS = 50
PATIENCE = 300.0


def warm(installation: Installation) -> None:
    """Every thread of every worker has run something."""
    run("chain", 4 * len(installation.workers) * installation.threads, STEPS)


def run(agent: str, count: int, size: int) -> None:
    """Submit so many jobs; returns when each has reached its last node and is recorded as completed."""
    marks.forget()
    jobs = user.send_all(agent, count, size)
    marks.await_marks(count, PATIENCE)
    user.await_completed(jobs, PATIENCE)


def throughput(jobs: int = 400) -> None:
    """W1, of each way to write ten steps down."""
    installation = Installation()
    warm(installation)
    for agent in ("chain", "calls", "code"):
        meter = installation.meter().begin()
        run(agent, jobs, STEPS)
        used = meter.end(at=marks.last())
        tell("w1", f"{agent}, {installation.mode}", **used.each(jobs, STEPS), memory_mb=installation.memory())


def fan_out(*at_once: int) -> None:
    """W2."""
    installation = Installation()
    warm(installation)
    run("fan", 1, WIDTH)
    for count in at_once or (1, 20):
        meter = installation.meter().begin()
        run("fan", count, WIDTH)
        used = meter.end(at=marks.last())
        tell("w2", installation.mode, at_once=count, wall_s=round(used.seconds, 3), cpu_s=round(used.cpu_seconds, 2))


def wake_up(jobs: int = 100) -> None:
    """W3."""
    installation = Installation()
    warm(installation)
    tell("w3", installation.mode, **wake_ups(jobs))


def wake_ups(jobs: int) -> dict[str, float]:
    """Park so many jobs, then signal one after the other."""
    marks.forget()
    parked = user.send_all("parked", jobs)
    user.await_parked(parked, PATIENCE)
    time.sleep(1)
    took = []
    for number, job in enumerate(parked):
        began = time.time()
        user.go_on(job)
        took.append(marks.await_mark(f"done job-{number}") - began)
    return milliseconds(took)


def growth(*lengths: int) -> None:
    """W4."""
    installation = Installation(workers=1)
    warm(installation)
    for length in lengths or (10, 100, 1_000, 10_000):
        marks.forget()
        began = time.time()
        job = user.send("chain", "long", length)
        marks.await_marks(1, PATIENCE)
        planned, ended = user.planned_at(job), marks.last()
        tell(
            "w4",
            installation.mode,
            length=length,
            ms_per_step=round(1000 * (ended - began) / length, 3),
            ms_per_step_after_plan=round(1000 * (ended - planned) / length, 3),
        )
        user.result(job)


def start_latency(jobs: int = STARTS) -> None:
    """W5."""
    installation = Installation()
    warm(installation)
    tell("w5", installation.mode, **start_latencies(jobs))


def start_latencies(jobs: int) -> dict[str, Any]:
    """Submit one job of one step after the other, each when all is quiet."""
    steps, results = [], []
    for number in range(jobs):
        marks.forget()
        time.sleep(0.03 + 0.05 * random.random())  # noqa: S311  no phase of anything that polls is preferred
        began = time.time()
        user.result(user.send("chain", f"one-{number}"))
        results.append(time.time() - began)
        steps.append(marks.last() - began)
    return {"step": milliseconds(steps), "result": milliseconds(results), "result_by": user.RESULT_BY}


def recovery() -> None:
    """W6: another worker lives on."""
    installation = Installation(workers=1)
    marks.forget()
    user.send("slow", "slow")
    marks.await_marks(1, PATIENCE, "begun")
    start_worker(installation.threads)
    time.sleep(0.5)
    killed = time.time()
    kill(installation.workers[0])
    marks.await_marks(1, PATIENCE, "done")
    begun, ended = marks.marks("begun"), marks.marks("ended")
    tell(
        "w6",
        "a worker that lives on, defaults",
        recovered_s=round(marks.last() - killed, 2),
        begun=len(begun),
        ended=len(ended),
        keys=len({words.split()[3] for words in begun}),
    )
