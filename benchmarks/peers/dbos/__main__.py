"""W1 to W7 on DBOS."""

from collections.abc import Mapping, Sequence
from typing import Any

from dbos import DBOSClient

from benchmarks.measure import database, loops
from benchmarks.measure.apps import start_apps
from benchmarks.measure.driver import drive, tell
from benchmarks.measure.meter import Meter
from benchmarks.measure.processes import end_all, kill

DATABASE = "bench_dbos"
QUEUE = "bench"
DEFAULT: Mapping[str, str] = {}
TUNED: Mapping[str, str] = {"BENCH_POLL": "0.05", "BENCH_CONCURRENCY": "8"}
"""What made it fastest where it was tried."""
DEFAULTS = "2 processes, defaults"
WATCHED = 30.0


class Workers:
    """Two processes, and a client that enqueues."""

    def __init__(self, names: Sequence[str], settings: Mapping[str, str]) -> None:
        self.settings = settings
        url = database.fresh(DATABASE)
        self.pids = self.more(*names)
        self.client = DBOSClient(system_database_url=url)

    def more(self, *names: str) -> list[int]:
        given = [{"BENCH_URL": database.url(DATABASE), "DBOS__VMID": name, **self.settings} for name in names]
        return start_apps("dbos", *given)

    def meter(self) -> Meter:
        return Meter({"worker": self.pids})

    def enqueue(self, workflow: str, name: str, *arguments: Any, key: str = "") -> Any:
        """A handle of the workflow. With a key that is its id, by which it is signalled."""
        options = {"queue_name": QUEUE, "workflow_name": workflow} | ({"workflow_id": key} if key else {})
        return self.client.enqueue(options, name, *arguments)

    def sized(self, workflow: str, size: int) -> loops.Act:
        return lambda name: self.enqueue(workflow, name, size)

    def chain(self, name: str) -> Any:
        return self.enqueue("chain", name, loops.STEPS)


def warmed(names: Sequence[str] = ("w1", "w2"), settings: Mapping[str, str] = DEFAULT) -> Workers:
    workers = Workers(names, settings)
    loops.run(workers.chain, 4)
    return workers


def w1(jobs: int = 400) -> None:
    for mode, settings in ((DEFAULTS, DEFAULT), ("2 processes, poll 50 ms, 8 at once", TUNED)):
        workers = warmed(settings=settings)
        tell("w1", mode, **loops.throughput(workers.meter(), workers.chain, jobs))
        workers.client.destroy()
        end_all()


def w2(*at_once: int) -> None:
    workers = warmed()
    for count in at_once or (1, 20):
        tell("w2", DEFAULTS, **loops.fan_out(workers.meter(), workers.sized("fan", loops.WIDTH), count))


def w3(jobs: int = 100) -> None:
    workers = warmed()
    loops.park(lambda name: workers.enqueue("parked", name, key=name), jobs)
    figures = loops.wake_ups(lambda name: workers.client.send(name, {"ok": True}, topic="go"), jobs)
    tell("w3", DEFAULTS, **figures)


def w4(*lengths: int) -> None:
    workers = warmed(("w1",))
    for length in lengths or (10, 100, 1_000, 10_000):
        tell("w4", "1 process, defaults", **loops.growth(workers.sized("long", length), length))


def w5(jobs: int = 50) -> None:
    tell("w5", DEFAULTS, **_starts(warmed(), jobs))


def w6() -> None:
    workers = warmed()
    figures = loops.recovery(lambda name: workers.enqueue("killed", name), kill, WATCHED)
    tell("w6", "a process that lives on, defaults", **figures)
    workers.client.destroy()
    end_all()
    workers = warmed(("w1",))

    def kill_and_restart(pid: int) -> None:
        kill(pid)
        workers.more("w1")

    figures = loops.recovery(lambda name: workers.enqueue("killed", name), kill_and_restart, WATCHED)
    tell("w6", "restarted under the same id", **figures)


def w7(jobs: int = 10_000) -> None:
    workers = warmed()
    figures = loops.parked(
        workers.meter(),
        lambda name: workers.enqueue("parked_async", name, key=f"parked-{name}"),
        jobs,
        lambda: database.size(DATABASE),
        lambda: {"w5": _starts(workers, 20)},
        loops.all_noted(jobs),
    )
    tell("w7", DEFAULTS, **figures)


def _starts(workers: Workers, jobs: int) -> dict[str, Any]:
    return loops.starts(lambda name: workers.enqueue("chain", name, 1).get_result(), jobs)


if __name__ == "__main__":
    drive({"w1": w1, "w2": w2, "w3": w3, "w4": w4, "w5": w5, "w6": w6, "w7": w7})
