"""kill -9 of one child of a prefork worker: its parent knows, and what it held is run again long before its lease."""

import os
import signal

import pytest
from celery import current_app

from jobs.models import Job, Node
from ledger.models import Event
from tests.e2e.conftest import eventually
from tests.e2e.workers import Workers
from tests.world import again, submitted

LEASE_SECONDS = 60.0


@pytest.fixture
def prefork(workers: Workers) -> Workers:
    """Two children, and doorbells that really ring."""
    current_app.control.purge()
    options = ("--pool", "prefork", "--concurrency", "2")
    workers.start(*options, broker=os.environ["AETHERIS_BROKER_URL"], AETHERIS_LEASE_SECONDS=str(LEASE_SECONDS))
    return workers


def call(job: Job) -> tuple[int, int, str]:
    """Claims, crashes and state of the job's one call."""
    node = Node.objects.get(job=job, path="call")
    return node.claims, node.crashes, node.state


def test_what_a_lost_child_held_is_run_again_at_once(prefork: Workers) -> None:
    lost, other = submitted("slow_payment 5", agent="caller"), submitted("slow_payment 5", agent="caller")
    eventually(lambda: len(prefork.calls()) == 2, 30, "the calls did not begin")
    pid = prefork.calls(lost)[0]["pid"]
    os.kill(pid, signal.SIGKILL)

    eventually(lambda: len(prefork.calls(lost)) == 2, LEASE_SECONDS / 4, "nobody came to its rescue")
    eventually(lambda: again(lost).state == again(other).state == "completed", 20, "not all was completed")
    assert (call(lost), call(other)) == ((2, 1, "completed"), (1, 0, "completed"))
    first, second = prefork.calls(lost)
    assert first["key"] == second["key"]
    assert second["pid"] != pid
    reclaimed = [event for event in Event.objects.all() if event.type == "node_reclaimed"]
    assert [event.job_id for event in reclaimed] == [lost.pk]


def test_what_may_not_be_repeated_is_shown_at_once(prefork: Workers) -> None:
    job = submitted("slow_letter 5", agent="caller")
    eventually(lambda: len(prefork.calls()) == 1, 30, "the call did not begin")
    os.kill(prefork.calls()[0]["pid"], signal.SIGKILL)
    eventually(lambda: again(job).state == "parked", LEASE_SECONDS / 4, "nobody came to its rescue")
    assert (len(prefork.calls()), call(job)[1]) == (1, 1)
