"""What an instance costs while there is nothing to do, with and without parked jobs; and what a backlog rings."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import redis

from benchmarks.measure.cpu import cpu_seconds
from jobs.engine.sweep import HANDFUL, SHORTEST_PAUSE
from jobs.engine.transaction import MOST_DOORBELLS
from tests.e2e.conftest import Running, eventually
from tests.figures.conftest import Figure

pytestmark = pytest.mark.figure
OPTIONS = ("--app", "tests.figures")

PARKED, READY = 1_000, 10_000
MINUTE = 60
SWEEPS_WITHOUT_BEAT = 1 / 5
"""A second: receivers sweep when the last tick is older than five."""
COUNT = "SELECT count(*) FROM jobs_job WHERE state = 'parked'"


def test_parked_jobs_cost_nothing_and_sweeps_little(running: Running, figure: Figure) -> None:
    running.until(running.submit("park", agent="parking"), 30, "parked")
    with_none = idle(running)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: running.submit("park", agent="parking"), range(PARKED)))
    eventually(lambda: running.rows(COUNT)[0][0] > PARKED, 120, "not all jobs parked")
    with_parked = idle(running)
    with frozen(running.instance.processes["beat"]):
        without_beat = idle(running)
    sweeps = (with_parked - without_beat) / (1 - SWEEPS_WITHOUT_BEAT)
    figure(f"idle with {PARKED} parked jobs, above {with_none:.2f} % with none", with_parked - with_none, 0.5, "%")
    figure("a sweep a second", sweeps, 3, "% of a core")


def test_a_backlog_does_not_multiply_doorbells(running: Running, figure: Figure) -> None:
    """Those of the plan's transaction, and then a handful at a time."""
    running.submit(str(READY), agent="backlog")
    with running.broker() as broker:
        eventually(lambda: unanswered(broker) > 0, 60, "no doorbell rang")
        time.sleep(MINUTE)
        rung = unanswered(broker)
    most = MOST_DOORBELLS + HANDFUL * MINUTE / SHORTEST_PAUSE
    figure(f"doorbells in a minute for {READY} READY nodes that nobody takes", rung, most)


def unanswered(broker: redis.Redis) -> int:
    """Doorbells in the lists of the queue, however many it has."""
    return sum(broker.llen(name) for name in broker.scan_iter("aetheris:unserved*"))


def idle(running: Running) -> float:
    """Per cent of a core that all processes of the instance use."""
    supervisor = running.instance.pid
    began, before = time.monotonic(), cpu_seconds([supervisor])
    time.sleep(MINUTE)
    return 100 * (cpu_seconds([supervisor]) - before) / (time.monotonic() - began)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
