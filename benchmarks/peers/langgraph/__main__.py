"""W1 to W7 on LangGraph. Where one process is enough, it is this one: there is nobody else to run a graph."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.measure import database, loops, marks
from benchmarks.measure.apps import start_apps
from benchmarks.measure.driver import drive, tell
from benchmarks.measure.environ import THREADS
from benchmarks.measure.meter import Meter
from benchmarks.measure.processes import kill

DATABASE = "bench_langgraph"
os.environ["BENCH_URL"] = database.url(DATABASE)
from benchmarks.peers.langgraph import graphs  # noqa: E402  it reads where its database is

HERE = f"in the caller, {THREADS} threads"
WATCHED = 60.0


def fresh() -> Any:
    """A saver for a new database."""
    database.fresh(DATABASE)
    kept = graphs.saver()
    kept.setup()
    return kept


def meter() -> Meter:
    return Meter({"worker": [os.getpid()]})


def w1(jobs: int = 400) -> None:
    fresh().conn.close()
    half = jobs // 2
    pids = start_apps("langgraph", {"BENCH_SHARE": f"0,{half}"}, {"BENCH_SHARE": f"{half},{half}"})
    figures = loops.throughput(Meter({"worker": pids}), _go_once, 2 * half)
    tell("w1", f"2 processes x {THREADS} threads, no queue", **figures)


def _go_once(name: str) -> None:
    """All are submitted by one word."""
    if name == "job-0":
        marks.mark("go")


def w2(*at_once: int) -> None:
    graph = graphs.fan(fresh())
    graphs.call(graph, {"name": "warm", "width": loops.WIDTH}, "warm")
    with ThreadPoolExecutor(THREADS) as pool:
        for count in at_once or (1, 20):

            def submit(name: str, batch: int = count) -> object:
                return pool.submit(graphs.call, graph, {"name": name, "width": loops.WIDTH}, f"{batch} {name}")

            tell("w2", HERE, **loops.fan_out(meter(), submit, count))


def w3(jobs: int = 100) -> None:
    graph = graphs.parked(fresh())
    for number in range(jobs):
        graphs.call(graph, {"name": f"job-{number}"}, f"job-{number}")
    marks.forget()
    tell("w3", HERE, **loops.wake_ups(lambda name: graphs.call(graph, graphs.go_on(), name), jobs))


def w4(*lengths: int) -> None:
    graph = graphs.loop(fresh())
    graphs.call(graph, {"name": "warm", "left": 10}, "warm", 100)
    for length in lengths or (10, 100, 1_000, 10_000):

        def submit(name: str, steps: int = length) -> object:
            return graphs.call(graph, {"name": name, "left": steps}, f"{name} of {steps}", steps + 10)

        tell("w4", HERE, **loops.growth(submit, length))


def w5(jobs: int = 50) -> None:
    tell("w5", HERE, **_starts(graphs.chain(fresh(), 1), jobs, "w5"))


def _starts(graph: Any, jobs: int, batch: str) -> dict[str, Any]:
    graphs.call(graph, {"name": "warm"}, f"{batch} warm")
    return loops.starts(lambda name: graphs.call(graph, {"name": name}, f"{batch} {name}"), jobs)


def w6() -> None:
    """Nobody takes a thread over: the driver, which knows of it, has another process go on with it."""
    fresh().conn.close()

    def kill_and_call_again(pid: int) -> None:
        kill(pid)
        start_apps("langgraph", {})

    figures = loops.recovery(lambda name: start_apps("langgraph", {}), kill_and_call_again, WATCHED)
    tell("w6", "called again by hand", **figures)


def w7(jobs: int = 10_000) -> None:
    kept = fresh()
    graph, one = graphs.parked(kept), graphs.chain(kept, 1)
    batches = iter(("before", "beside"))
    figures = loops.parked(
        meter(),
        lambda name: graphs.call(graph, {"name": name}, name),
        jobs,
        lambda: database.size(DATABASE),
        lambda: {"w5": _starts(one, 20, next(batches))},
    )
    tell("w7", HERE, **figures)


if __name__ == "__main__":
    drive({"w1": w1, "w2": w2, "w3": w3, "w4": w4, "w5": w5, "w6": w6, "w7": w7})
