"""A signal, a timeout and a cancel meet at one open wait: in every order one of them wins, and all agree who."""

import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from aetheris.core.errors import Refused
from aetheris.core.graph import TaskGraph
from jobs.engine.cancel import cancel
from jobs.engine.signal import signal
from jobs.engine.time_out import time_out_if_due
from jobs.models import Job
from signals_app.models import Wait
from tests.world import APPROVER, Doorbells, Registered, World, again, assert_whole, submitted

KEY = "ask-1"

Verb = Callable[[Job], Any]
VERBS: dict[str, Verb] = {
    "signal": lambda job: signal(job.pk, KEY, {"approved": True}, APPROVER),
    "cancel": lambda job: cancel(job.pk, actor="user:1/requester"),
    "timeout": lambda job: time_out_if_due(job.pk, KEY),
}
WINNERS = {
    "signal": ("resolved", "completed"),
    "cancel": ("cancelled", "cancelled"),
    "timeout": ("timed_out", "failed"),
}


class Actor(threading.Thread):
    """One verb on a connection of its own, in a transaction that stays open until it is let go."""

    def __init__(self, verb: Verb, job: Job) -> None:
        super().__init__(daemon=True)
        self._verb, self._job = verb, job
        self.done = threading.Event()
        self.let_go = threading.Event()
        self.pid = 0
        self.answer: Any = None

    def run(self) -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                self.pid = (cursor.fetchone() or (0,))[0]
                try:
                    self.answer = self._verb(self._job)
                except Refused as refused:
                    self.answer = refused.code
                self.done.set()
                self.let_go.wait(20)
        finally:
            connection.close()


def until_done_or_blocked(actor: Actor) -> None:
    """Wait until the actor has finished its verb, or the database says that it waits for a lock."""
    while not actor.done.wait(0.01):
        with connection.cursor() as cursor:
            cursor.execute("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", [actor.pid])
            row = cursor.fetchone()
        if row and row[0]:
            return


def parked(registered: Registered, doorbells: Doorbells) -> Job:
    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.wait("ask", kind="human", correlation_key=KEY, timeout=60)
        return graph

    registered.agent(plan)
    job = submitted()
    doorbells.drain()
    Wait.objects.filter(job=job).update(expires_at=job.created_at)
    return job


ORDERS = [order for length in (2, 3) for order in itertools.permutations(VERBS, length)]


@pytest.mark.parametrize("order", ORDERS, ids=" then ".join)
def test_whoever_holds_the_job_first_wins(
    order: tuple[str, ...], registered: Registered, world: World, doorbells: Doorbells
) -> None:
    """The later ones come while the first has not committed yet; they wait for it, or leave it to the next sweep."""
    job = parked(registered, doorbells)
    actors = [Actor(VERBS[name], job) for name in order]
    for actor in actors:
        actor.start()
        until_done_or_blocked(actor)
    for actor in actors:
        actor.let_go.set()
    for actor in actors:
        actor.join(20)
        assert not actor.is_alive()
    VERBS["timeout"](job)  # the next sweep

    # An answer that comes after its time applies the timeout instead, sweep or no sweep.
    winner = "timeout" if order[0] == "signal" else order[0]
    assert (Wait.objects.get(job=job).state, again(job).state) == WINNERS[winner]
    assert_whole(job)


@pytest.mark.parametrize("order", list(itertools.permutations(("signal", "cancel"))), ids=" then ".join)
def test_an_answer_in_time_and_a_cancel(
    order: tuple[str, ...], registered: Registered, world: World, doorbells: Doorbells
) -> None:
    job = parked(registered, doorbells)
    Wait.objects.filter(job=job).update(expires_at=None)
    actors = [Actor(VERBS[name], job) for name in order]
    for actor in actors:
        actor.start()
        until_done_or_blocked(actor)
    for actor in actors:
        actor.let_go.set()
    for actor in actors:
        actor.join(20)
    assert (Wait.objects.get(job=job).state, again(job).state) == WINNERS[order[0]]
    assert actors[1].answer in ("JOB_FINISHED", "JOB_NOT_PARKED")
    assert_whole(job)


def test_two_people_and_the_clock(registered: Registered, world: World, doorbells: Doorbells) -> None:
    """Two contradicting answers at once: the first stands, the second hears which one."""
    job = parked(registered, doorbells)
    Wait.objects.filter(job=job).update(expires_at=None)
    yes = Actor(VERBS["signal"], job)
    no = Actor(lambda job: signal(job.pk, KEY, {"approved": False}, APPROVER), job)
    for actor in (yes, no):
        actor.start()
        until_done_or_blocked(actor)
    for actor in (yes, no):
        actor.let_go.set()
        actor.join(20)
    assert (yes.answer, no.answer) == ("applied", "SIGNAL_CONFLICT")
    assert again(job).outcome == "completed"
    assert_whole(job)
