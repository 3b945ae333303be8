"""Real worker processes on the test database: without doorbells, without a broker, without beat, told to stop."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from celery import current_app
from django.db import connection

from jobs.engine.claim import claim
from jobs.engine.dispatch import bell
from jobs.engine.go_on import COMPANY
from jobs.engine.transaction import job_transaction
from jobs.models import Job, Node
from ledger.models import Event
from tests.e2e.conftest import eventually
from tests.e2e.workers import NO_BROKER, Workers
from tests.world import Doorbells, again, submitted

pytestmark = pytest.mark.usefixtures("doorbells")  # none that this process rings goes anywhere


def all_are(state: str) -> bool:
    return set(Job.objects.values_list("state", flat=True)) == {state}


def test_workers_that_no_message_reaches_do_all_the_work_once(workers: Workers) -> None:
    """The broker is dead from the start, so two workers find every node by themselves."""
    for number in range(20):
        submitted("slow_payment 0.01", agent="chain" if number % 2 else "caller")
    workers.start()
    workers.start()
    eventually(lambda: all_are("completed"), 45, "not all jobs completed")
    keys = Counter(call["key"] for call in workers.calls())
    assert (len(keys), set(keys.values())) == (10 + 30, {1})
    assert set(Node.objects.values_list("claims", flat=True)) == {1}


def test_a_worker_alone_sweeps_when_beat_is_silent(workers: Workers) -> None:
    """A lease that ran out is taken back without beat and broker."""
    job = submitted("slow_read 0", agent="caller")
    with job_transaction(job.pk) as tx:
        assert claim(tx, "plan") is not None
    Node.objects.filter(job=job).update(lease_expires_at=Job.objects.now())
    workers.start()
    eventually(lambda: all_are("completed"), 30, "nobody swept")
    assert Node.objects.get(job=job, path="plan").crashes == 1


def test_a_worker_survives_the_loss_of_all_its_connections(workers: Workers) -> None:
    submitted("slow_read 0", agent="caller")
    workers.start()
    eventually(lambda: all_are("completed"), 30, "the worker did not begin")
    with connection.cursor() as cursor:
        for _ in range(5):
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            time.sleep(0.2)
    connection.close()
    submitted("slow_read 0", agent="caller")
    eventually(lambda: all_are("completed"), 20, "the worker did not come back")


def test_a_worker_that_is_told_to_stop_ends_after_the_node_that_it_runs(workers: Workers) -> None:
    """The rest of the chain is another worker's, and each tool is called once."""
    job = submitted("slow_payment 1", agent="chain")
    first = workers.start()
    eventually(lambda: len(workers.calls()) == 1, 30, "the chain did not begin")
    began = time.monotonic()
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=10) == 0
    assert time.monotonic() - began < 5
    assert len(workers.calls()) == 1, "it began nothing new"
    left = {node.path: node.state for node in Node.objects.of_job(job.pk)}
    assert left == {"plan": "completed", "one": "completed", "two": "ready", "three": "blocked"}

    second = workers.start()
    eventually(lambda: again(job).state == "completed", 30, "the other worker did not finish it")
    assert Counter(call["pid"] for call in workers.calls()) == {first.pid: 1, second.pid: 2}
    assert set(Node.objects.of_job(job.pk).values_list("claims", "crashes")) == {(1, 0)}
    assert "node_reclaimed" not in {event.type for event in Event.objects.stream(job.pk)}


def test_an_idle_worker_stops_at_once(workers: Workers) -> None:
    submitted("slow_read 0", agent="caller")
    worker = workers.start()
    eventually(lambda: all_are("completed"), 30, "the worker did not begin")
    began = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=10) == 0
    assert time.monotonic() - began < 4


@pytest.fixture(params=["with a broker", "without a broker"])
def broker(request: pytest.FixtureRequest) -> Iterator[str]:
    """An address at which no doorbell waits."""
    if request.param == "without a broker":
        yield NO_BROKER
        return
    with current_app.connection_for_write() as connection, connection.SimpleQueue("default") as queue:
        queue.clear()
        yield os.environ["AETHERIS_BROKER_URL"]
        queue.clear()


def test_a_high_job_passes_a_backlog_of_low_ones(workers: Workers, doorbells: Doorbells, broker: str) -> None:
    """One worker with one thread and two hundred low jobs: only what it has in its hands already is begun before, at
    most one company of instant nodes, and one that follows."""

    def submit(number: int, priority: int) -> Job:
        jobs = [submitted("slow_read 0", agent="caller", priority=priority) for _ in range(number)]
        while broker != NO_BROKER and doorbells.rung:
            bell(*doorbells.rung.pop(0), priority)()
        return jobs[-1]

    submit(200, priority=5)
    workers.start("--concurrency", "1", broker=broker)
    eventually(lambda: Job.objects.filter(state="completed").count() >= 10, 45, "the backlog did not begin")
    high = submit(1, priority=1)
    eventually(lambda: again(high).state == "completed", 30, "the high job did not end")
    plans = Node.objects.filter(path="plan")
    begun = plans.get(job=high).started_at
    assert plans.filter(started_at__gt=high.created_at, started_at__lt=begun).count() <= COMPANY + 1
    assert Job.objects.exclude(state="completed").count() > 50, "the backlog was over before it came"
