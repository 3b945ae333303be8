"""W1 to W7 on Absurd."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from absurd_sdk import Absurd

from benchmarks.measure import database, loops
from benchmarks.measure.apps import start_apps
from benchmarks.measure.driver import drive, tell
from benchmarks.measure.environ import PROGRAMS
from benchmarks.measure.meter import Meter
from benchmarks.measure.processes import kill

DATABASE = "bench_absurd"
QUEUE = "main"
DEFAULTS = "2 processes, defaults"
RESULT_SECONDS = 20
WATCHED = 150.0
"""Longer than its lease of 120 seconds."""


class Workers:
    """Processes with one task at a time each, and a client that spawns."""

    def __init__(self, count: int = 2, **settings: str) -> None:
        url = database.fresh(DATABASE)
        _make_tables(url)
        self.pids = start_apps("absurd", *[{"BENCH_URL": url, **settings} for _ in range(count)])
        self.client = Absurd(url, queue_name=QUEUE)

    def meter(self) -> Meter:
        return Meter({"worker": self.pids})

    def spawn(self, task: str, name: str, size: int = 1) -> Any:
        return self.client.spawn(task, {"name": name, "size": size}, queue=QUEUE, max_attempts=5)

    def sized(self, task: str, size: int = 1) -> loops.Act:
        return lambda name: self.spawn(task, name, size)

    def run_one(self, name: str) -> None:
        self.client.await_task_result(self.spawn("chain", name)["task_id"], timeout=RESULT_SECONDS)


def _make_tables(url: str) -> None:
    """Its own tool does so, with `psql`."""
    tool = Path(sys.executable).with_name("absurdctl")
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, "ABSURD_DATABASE_URL": url, "PGDATABASE": url, "PATH": path}
    for words in (["init"], ["create-queue", QUEUE], ["create-queue", "children"]):
        subprocess.run([tool, *words], env=environ, check=True, capture_output=True, timeout=60)


def warmed(count: int = 2, **settings: str) -> Workers:
    workers = Workers(count, **settings)
    loops.run(workers.sized("chain", loops.STEPS), 6)
    return workers


def w1(jobs: int = 600) -> None:
    workers = warmed()
    tell("w1", DEFAULTS, **loops.throughput(workers.meter(), workers.sized("chain", loops.STEPS), jobs))


def w2(*at_once: int) -> None:
    workers = warmed(BENCH_CHILDREN="1")
    for count in at_once or (1, 20):
        tell("w2", DEFAULTS, **loops.fan_out(workers.meter(), workers.sized("fan", loops.WIDTH), count))


def w3(jobs: int = 100) -> None:
    workers = warmed()
    loops.park(workers.sized("parked"), jobs)
    tell("w3", DEFAULTS, **loops.wake_ups(lambda name: workers.client.emit_event(f"go-{name}", {"ok": True}), jobs))


def w4(*lengths: int) -> None:
    workers = warmed(1)
    for length in lengths or (10, 100, 1_000, 10_000):
        tell("w4", "1 process, defaults", **loops.growth(workers.sized("long", length), length))


def w5(jobs: int = 50) -> None:
    tell("w5", DEFAULTS, **loops.starts(warmed().run_one, jobs))


def w6() -> None:
    workers = Workers()
    tell("w6", "a process that lives on, defaults", **loops.recovery(workers.sized("killed"), kill, WATCHED))


def w7(jobs: int = 10_000) -> None:
    workers = warmed()
    figures = loops.parked(
        workers.meter(),
        workers.sized("parked"),
        jobs,
        lambda: database.size(DATABASE),
        lambda: {"w5": loops.starts(workers.run_one, 20)},
        loops.all_noted(jobs),
    )
    tell("w7", DEFAULTS, **figures)


if __name__ == "__main__":
    drive({"w1": w1, "w2": w2, "w3": w3, "w4": w4, "w5": w5, "w6": w6, "w7": w7})
