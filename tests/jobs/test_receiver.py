"""The receiver by itself: what it hands to the pool, in which order, how often it looks, and that nothing ends it."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery.concurrency.prefork import TaskPool as Prefork
from celery.concurrency.thread import TaskPool as Threads
from django.db import OperationalError

from jobs import receiver as receivers
from jobs.engine import hearing, stopping
from jobs.engine.run import run_node
from jobs.engine.tick import contact
from jobs.models import Job, Node, Tick
from jobs.receiver import Receiver, ReceiverStep
from tests.conftest import Clock
from tests.doors import at_once, finishing
from tests.statements import statements
from tests.world import Doorbells, Registered, World, again, submitted

QUEUES = ["realtime", "default"]


class Pool:
    """A pool that only remembers what it was given; `run` runs it."""

    def __init__(self) -> None:
        self.given: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    def apply(self, call: Callable[..., Any], arguments: tuple[Any, ...], callback: Any) -> None:
        self.given.append((call, arguments))

    @property
    def goals(self) -> list[str]:
        """The goals of the jobs whose node zero was handed over, in order."""
        return [Job.objects.get(pk=job_id).goal for _, (job_id, _) in self.given]

    def run(self) -> None:
        while self.given:
            call, arguments = self.given.pop(0)
            call(*arguments)


@pytest.fixture
def pool() -> Pool:
    return Pool()


def receiver(pool: Pool, threads: int = 4) -> Receiver:
    return Receiver(lambda: QUEUES, threads, pool.apply)


@pytest.fixture
def agent(registered: Registered, world: World, doorbells: Doorbells) -> None:
    finishing(registered, world)


def test_a_doorbell_has_a_second_to_be_answered(agent: None, clock: Clock, pool: Pool) -> None:
    job = submitted()
    seeker = receiver(pool)
    assert seeker.look() == 0
    clock.advance(1.1)
    assert seeker.look() == 1
    pool.run()
    assert again(job).state == "completed"


def test_no_more_is_handed_over_than_there_are_free_slots(agent: None, clock: Clock, pool: Pool) -> None:
    for _ in range(6):
        submitted()
    clock.advance(2)
    seeker = receiver(pool, threads=4)
    assert [seeker.look(), seeker.look()] == [4, 0]
    pool.run()
    assert seeker.look() == 2
    pool.run()
    assert {job.state for job in Job.objects.all()} == {"completed"}


def test_what_celery_has_received_takes_slots_too(
    agent: None, clock: Clock, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted()
    clock.advance(2)
    monkeypatch.setattr("celery.worker.state.reserved_requests", {1, 2, 3, 4})
    assert receiver(pool).look() == 0
    assert Node.objects.get().rung_at is not None


def test_receivers_at_once_take_each_node_once(agent: None, clock: Clock) -> None:
    for _ in range(8):
        submitted()
    clock.advance(2)
    pools = [Pool() for _ in range(4)]
    at_once(*[receiver(pool, threads=8).look for pool in pools])
    handed = [arguments for pool in pools for _, arguments in pool.given]
    assert (len(handed), len(set(handed))) == (8, 8)


def test_queues_come_in_order_and_tenants_take_turns(agent: None, clock: Clock, pool: Pool) -> None:
    """One tenant's backlog does not keep another's single job waiting."""
    for number in range(5):
        submitted(f"mine {number}")
    submitted("theirs")
    submitted("urgent", queue="realtime")
    submitted("elsewhere", queue="heavy")
    theirs = Job.objects.get(goal="theirs")
    Job.objects.filter(pk=theirs.pk).update(tenant="other")
    Node.objects.filter(job=theirs).update(tenant="other")
    clock.advance(2)
    receiver(pool, threads=4).look()
    assert pool.goals == ["urgent", "mine 0", "theirs", "mine 1"]


def test_nodes_whose_code_is_elsewhere_are_left_unmarked(
    agent: None, registered: Registered, world: World, clock: Clock, pool: Pool
) -> None:
    submitted("old")
    Job.objects.update(code_version="0")
    submitted("new")
    clock.advance(2)
    before = Node.objects.get(job__goal="old").rung_at
    receiver(pool).look()
    assert pool.goals == ["new"]
    assert Node.objects.get(job__goal="old").rung_at == before, "its doorbell is for a worker that has its code"


def test_what_could_not_be_claimed_is_left_to_others_for_a_while(
    agent: None, clock: Clock, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submitted()
    seeker = receiver(pool, threads=1)
    clock.advance(2)
    monkeypatch.setattr(receivers, "run_node", lambda job_id, path: None)
    assert seeker.look() == 1
    pool.run()
    clock.advance(2)
    marked = Node.objects.get().rung_at
    assert seeker.look() == 0
    assert Node.objects.get().rung_at == marked

    submitted("another")
    clock.advance(2)
    assert seeker.look() == 1, "it stands in nobody's way"
    monkeypatch.setattr(receivers, "run_node", run_node)
    assert receiver(Pool()).look() == 1, "another worker takes it"
    assert again(job).state == "pending"


def test_a_job_that_runs_as_much_as_it_may_is_left_alone(agent: None, clock: Clock, pool: Pool) -> None:
    submitted()
    Job.objects.update(max_parallel=1, nodes_running=1)
    clock.advance(2)
    assert receiver(pool).look() == 0


def test_a_full_job_hides_nobody_who_waits_as_long_as_it(agent: None, clock: Clock, pool: Pool) -> None:
    for goal in ("before", "full", "after"):
        submitted(goal)
    Job.objects.filter(goal="full").update(max_parallel=1, nodes_running=1)
    Node.objects.update(rung_at=Job.objects.now())
    clock.advance(2)
    receiver(pool).look()
    assert pool.goals == ["before", "after"]


def test_an_idle_look_is_one_statement_that_changes_nothing(agent: None, clock: Clock, pool: Pool) -> None:
    seeker = receiver(pool)
    seeker.look()
    with statements() as sent:
        seeker.look()
    assert len(sent) == 1
    assert "UPDATE" not in sent[0]


def test_receivers_sweep_when_nobody_else_does(agent: None, clock: Clock, pool: Pool) -> None:
    seeker = receiver(pool)
    seeker.look()
    first = Tick.objects.get().last_at
    clock.advance(4)
    seeker.look()
    assert Tick.objects.get().last_at == first
    clock.advance(2)
    seeker.look()
    assert Tick.objects.get().last_at != first


def test_nothing_ends_it_and_it_stops_at_once(agent: None, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a look raises, there is another one; contact with the database counts as lost."""
    looks = threading.Semaphore(0)

    def look() -> int:
        looks.release()
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(receivers, "LOOK_SECONDS", 0.01)
    seeker = receiver(pool)
    monkeypatch.setattr(seeker, "look", look)
    contact.held(Job.objects.now())
    now = Job.objects.now()
    seeker.start()
    for _ in range(5):
        assert looks.acquire(timeout=5)
    assert not contact.has_lasted_since(now)
    began = time.monotonic()
    seeker.stop()
    assert time.monotonic() - began < 1
    assert not seeker._thread.is_alive()


def test_it_looks_again_at_once_when_a_slot_becomes_free(
    agent: None, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread, ten jobs, and a receiver that would else look once a minute."""
    monkeypatch.setattr(receivers, "LOOK_SECONDS", 60.0)
    for _ in range(10):
        submitted()
    clock.advance(2)
    threads = Threads(1)
    seeker = Receiver(lambda: QUEUES, 1, threads.apply_async)
    done = threading.Semaphore(0)

    def run(job_id: Any, path: str) -> None:
        run_node(job_id, path)
        done.release()

    monkeypatch.setattr(receivers, "run_node", run)
    seeker.start()
    try:
        for _ in range(10):
            assert done.acquire(timeout=10)
    finally:
        seeker.stop()
        threads.on_stop()
    assert {job.state for job in Job.objects.all()} == {"completed"}


def looks(seeker: Receiver, pool: Pool) -> None:
    """All jobs are done, four a look."""
    for _ in range(2):
        seeker.look()
        pool.run()
    assert {job.state for job in Job.objects.all()} == {"completed"}


@pytest.fixture
def eight_jobs(agent: None, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait since two seconds; somebody has just swept, and a doorbell counts as lost at once."""
    monkeypatch.setattr(hearing, "DOORBELL_PATIENCE", timedelta(0))
    receiver(Pool()).look()
    for _ in range(8):
        submitted()
    clock.advance(2)


def test_doorbells_that_ring_in_vain_are_noticed(eight_jobs: None, pool: Pool, caplog: Any) -> None:
    looks(receiver(pool), pool)
    assert "BROKER_NOT_HEARD" in caplog.text


def test_a_message_of_any_kind_shows_that_it_hears(eight_jobs: None, pool: Pool, caplog: Any) -> None:
    seeker = receiver(pool)
    seeker.look()
    pool.run()
    seeker.hearing.heard()
    looks(seeker, pool)
    assert "BROKER" not in caplog.text


def test_nodes_for_which_no_doorbell_rang_are_no_sign(eight_jobs: None, pool: Pool, caplog: Any) -> None:
    """They became due by time: a retry, a timer."""
    Node.objects.update(rung_at=None)
    looks(receiver(pool), pool)
    assert "BROKER" not in caplog.text


def test_an_empty_queue_is_no_sign(agent: None, pool: Pool, caplog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "DOORBELL_PATIENCE", timedelta(0))
    seeker = receiver(pool)
    for _ in range(20):
        seeker.look()
    assert caplog.text == ""


def test_one_high_job_passes_a_backlog_of_two_hundred_in_one_thread(
    agent: None, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes while the fifth runs, and is the sixth, though its doorbell is as fresh as can be."""
    for _ in range(200):
        submitted("low", priority=5)
    clock.advance(2)
    threads = Threads(1)
    seeker = Receiver(lambda: QUEUES, 1, threads.apply_async)
    begun: list[str] = []
    done = threading.Semaphore(0)

    def run(job_id: Any, path: str) -> None:
        begun.append(Job.objects.get(pk=job_id).goal)
        if len(begun) == 5:
            submitted("high", priority=1)
        run_node(job_id, path)
        done.release()

    monkeypatch.setattr(receivers, "run_node", run)
    seeker.start()
    try:
        for _ in range(7):
            assert done.acquire(timeout=10)
    finally:
        seeker.stop()
        threads.on_stop()
    assert begun[:7] == [*["low"] * 5, "high", "low"]


def test_a_worker_that_stops_hands_over_nothing(agent: None, clock: Clock, pool: Pool) -> None:
    submitted()
    clock.advance(2)
    stopping.begin()
    try:
        assert receiver(pool).look() == 0
    finally:
        stopping.forget()


def test_only_workers_with_node_threads_have_one(database: None) -> None:
    class Worker:
        steps: list[Any] = []

    for pool_class, expected in ((Threads, True), (Prefork, False)):
        worker = Worker()
        worker.pool_cls = pool_class  # type: ignore[attr-defined]
        assert ReceiverStep(worker).include_if(worker) is expected
