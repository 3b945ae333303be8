"""A worker whose broker says nothing, or is gone: it works on, and says that it hears nothing."""

import os
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import redis
from celery import current_app

from aetheris.core.graph import TaskGraph
from aetheris.testing.proxy import Proxy
from jobs.models import Job, Node
from tests.e2e.conftest import eventually
from tests.e2e.workers import Workers
from tests.world import Registered, submitted


@pytest.fixture
def line(database: None, registered: Registered) -> Iterator[Proxy]:
    """A line to the broker; what this test itself sends does not pass it."""
    current_app.control.purge()
    registered.agent(TaskGraph, name="mixed")
    socket = urlsplit(os.environ["AETHERIS_BROKER_URL"]).path
    with Proxy({"broker": ("tcp:127.0.0.1:0", f"unix:{socket}")}) as stallable:
        yield stallable


def broker(line: Proxy) -> str:
    return f"redis://127.0.0.1:{line.addresses['broker'].port}/{database_of_broker()}"


def database_of_broker() -> int:
    return int(parse_qs(urlsplit(os.environ["AETHERIS_BROKER_URL"]).query).get("virtual_host", ["0"])[0])


def somebody_hears(broker: redis.Redis) -> bool:
    """Whether a worker waits for the doorbells of this test's database of the broker."""
    waiting = [client for client in broker.client_list() if client["cmd"] == "brpop"]
    return str(database_of_broker()) in {client["db"] for client in waiting}


def a_doorbell_waits() -> bool:
    """Whether a worker has taken one that no thread has begun with."""
    return any((current_app.control.inspect(timeout=0.5).reserved() or {}).values())


def done(jobs: int) -> bool:
    return Job.objects.filter(state="completed").count() == jobs


def test_a_deaf_worker_works_on_and_says_so(line: Proxy, workers: Workers) -> None:
    """Its own doorbells get nowhere either: no thread hangs on them, and no lease is lost over them."""
    workers.start(broker=broker(line))
    submitted("slow_read 0", agent="caller")
    eventually(lambda: done(1), 30, "the worker did not begin")
    line.order("broker", "stall")
    for _ in range(12):
        submitted("fan-out", agent="mixed")
    eventually(lambda: done(13), 60, "a deaf worker does not finish its jobs")
    assert set(Node.objects.values_list("crashes", flat=True)) == {0}
    for _ in range(24):
        submitted("slow_read 3", agent="caller")
    eventually(lambda: workers.logged("BROKER_NOT_HEARD") > 0, 60, "nobody said so")
    eventually(lambda: done(37), 60, "a deaf worker does not finish its jobs")
    assert workers.logged("BROKER_HEARD") == 0

    line.order("broker", "pass")
    submitted("slow_read 0", agent="caller")
    eventually(lambda: workers.logged("BROKER_HEARD") == 1, 60, "it did not say that it hears again")


def test_a_worker_that_hears_says_nothing(line: Proxy, workers: Workers) -> None:
    """Neither with an idle broker, nor with more work than it has threads for longer than the silence of a deaf one."""
    workers.start(broker=broker(line))
    for _ in range(60):
        submitted("slow_read 0.8", agent="caller")
    eventually(lambda: done(60), 60, "not all was done")
    for _ in range(6):
        submitted("slow_read 0", agent="caller")
    eventually(lambda: done(66), 30, "not all was done")
    assert workers.logged("BROKER_") == 0


def test_a_worker_outlives_a_broker_that_goes_while_a_doorbell_waits_in_it(line: Proxy, workers: Workers) -> None:
    """All its threads are busy, a doorbell has come that waits for them, and it listens for one more."""
    worker = workers.start(broker=broker(line))
    submitted("slow_read 0", agent="caller")
    eventually(lambda: done(1), 30, "the worker did not begin")
    for _ in range(4):
        submitted("slow_payment 3", agent="caller")
    eventually(lambda: len(workers.calls()) == 5, 30, "a thread is idle")
    submitted("slow_payment 3", agent="caller")
    eventually(a_doorbell_waits, 3, "no doorbell waits")
    itself = redis.Redis(unix_socket_path=urlsplit(os.environ["AETHERIS_BROKER_URL"]).path, db=database_of_broker())
    assert itself.keys("*unacked*") == [], "the broker keeps no copy of what it has handed over"
    line.stop()
    eventually(lambda: done(6), 30, "without its broker the worker did not go on")
    assert len(workers.calls()) == 6
    address = line.addresses["broker"]
    with Proxy({"broker": (str(address), f"unix:{urlsplit(os.environ['AETHERIS_BROKER_URL']).path}")}):
        eventually(lambda: somebody_hears(itself), 30, "it does not come back to its broker")
    assert worker.poll() is None
