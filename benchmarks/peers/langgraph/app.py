"""A process that runs its share of the graphs in threads, or one graph: `python -m benchmarks.peers.langgraph.app`."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from benchmarks.measure import loops, marks
from benchmarks.measure.apps import is_up
from benchmarks.measure.environ import THREADS
from benchmarks.peers.langgraph import graphs


def run_share(first: int, count: int) -> None:
    """When `go` is noted, run so many chains."""
    chain = graphs.chain(graphs.saver())
    graphs.call(chain, {"name": "warm"}, f"warm-{first}")
    is_up()
    marks.await_mark("go", loops.PATIENCE)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda number: run_one(chain, f"job-{number}"), range(first, first + count)))
    # The CPU of this process is read when all are done.
    threading.Event().wait()


def run_one(chain: object, name: str) -> None:
    graphs.call(chain, {"name": name}, name)


def run_killed(thread: str) -> None:
    """Begin the graph with the slow step, or go on with it."""
    graph = graphs.in_turn(graphs.saver(), graphs.one, graphs.slow, graphs.done)
    is_up()
    begun = graph.get_state({"configurable": {"thread_id": thread}}).next
    graphs.call(graph, None if begun else {"name": thread}, thread)


if __name__ == "__main__":
    if "BENCH_SHARE" in os.environ:
        run_share(*map(int, os.environ["BENCH_SHARE"].split(",")))
    else:
        run_killed("job-0")
