"""W1 to W7 on Procrastinate. It has no wait for a signal and no results: W3 defers what would follow, W5 ends with the
step, W7 schedules jobs for in an hour."""

from typing import Any

import procrastinate

from benchmarks.measure import database, loops, marks
from benchmarks.measure.apps import start_apps
from benchmarks.measure.driver import drive, tell
from benchmarks.measure.meter import Meter
from benchmarks.measure.processes import kill

DATABASE = "bench_procrastinate"
MODE = "2 processes, defaults"
MANY = 10
WIDE = f"2 processes, {MANY} at once"
WATCHED = 40.0
HOUR = {"hours": 1}


class Workers:
    """Processes, and a client that defers."""

    def __init__(self, count: int = 2, at_once: int = 1) -> None:
        url = database.fresh(DATABASE)
        self._app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=url))
        self._app.open()
        self._app.schema_manager.apply_schema()
        database.sql("CREATE TABLE bench_join (name text PRIMARY KEY, count int NOT NULL)", DATABASE)
        self.pids = start_apps("procrastinate", *[{"BENCH_URL": url, "BENCH_CONCURRENCY": str(at_once)}] * count)

    def meter(self) -> Meter:
        return Meter({"worker": self.pids})

    def defer(self, task: str, schedule_in: dict[str, int] | None = None, **arguments: Any) -> None:
        self._app.configure_task(task, allow_unknown=True, schedule_in=schedule_in).defer(**arguments)

    def chain(self, name: str) -> None:
        self.defer("step", name=name, left=loops.STEPS)

    def start_one(self, name: str) -> None:
        self.defer("step", name=name, left=1)


def warmed(count: int = 2, at_once: int = 1) -> Workers:
    workers = Workers(count, at_once)
    loops.run(workers.chain, 6)
    return workers


def w1(jobs: int = 300) -> None:
    workers = warmed(at_once=MANY)
    tell("w1", WIDE, **loops.throughput(workers.meter(), workers.chain, jobs))


def w2(*at_once: int) -> None:
    workers = warmed(at_once=MANY)
    for count in at_once or (1, 20):

        def submit(name: str, batch: int = count) -> None:
            workers.defer("fan", name=f"{name}-{batch}", width=loops.WIDTH)

        tell("w2", WIDE, **loops.fan_out(workers.meter(), submit, count))


def w3(jobs: int = 100) -> None:
    workers = warmed()
    marks.forget()
    tell("w3", MODE, **loops.wake_ups(workers.start_one, jobs))


def w4(*lengths: int) -> None:
    workers = warmed(1)
    for length in lengths or (10, 100, 1_000, 10_000):

        def submit(name: str, left: int = length) -> None:
            workers.defer("step", name=name, left=left, first=True)

        tell("w4", "1 process, defaults", **loops.growth(submit, length))


def w5(jobs: int = 50) -> None:
    tell("w5", MODE, **loops.starts(warmed().start_one, jobs, has_result=False))


def w6() -> None:
    workers = Workers()
    figures = loops.recovery(lambda name: workers.defer("killed", name=name), kill, WATCHED)
    tell("w6", "a process that lives on, defaults", **figures)


def w7(jobs: int = 10_000) -> None:
    workers = warmed()
    figures = loops.parked(
        workers.meter(),
        lambda name: workers.defer("step", HOUR, name=name, left=1),
        jobs,
        lambda: database.size(DATABASE),
        lambda: {"w5": loops.starts(workers.start_one, 20, has_result=False)},
    )
    tell("w7", MODE, **figures)


if __name__ == "__main__":
    drive({"w1": w1, "w2": w2, "w3": w3, "w4": w4, "w5": w5, "w6": w6, "w7": w7})
