"""A signal, a timeout and a cancel meet at one open wait: in every order one of them wins, and all agree who."""

import itertools

import pytest

from aetheris.core.graph import TaskGraph
from jobs.engine.cancel import cancel
from jobs.engine.signal import signal
from jobs.engine.time_out import time_out_if_due
from jobs.models import Job
from signals_app.models import Wait
from tests.races.actors import Verb, in_order
from tests.world import APPROVER, Doorbells, Registered, World, again, assert_whole, submitted

KEY = "ask-1"

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
    in_order(job, *(VERBS[name] for name in order))
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
    _, second = in_order(job, *(VERBS[name] for name in order))
    assert (Wait.objects.get(job=job).state, again(job).state) == WINNERS[order[0]]
    assert second in ("JOB_FINISHED", "JOB_NOT_PARKED")
    assert_whole(job)


def test_two_people_and_the_clock(registered: Registered, world: World, doorbells: Doorbells) -> None:
    """Two contradicting answers at once: the first stands, the second hears which one."""
    job = parked(registered, doorbells)
    Wait.objects.filter(job=job).update(expires_at=None)
    answered = in_order(job, VERBS["signal"], lambda job: signal(job.pk, KEY, {"approved": False}, APPROVER))
    assert answered == ["applied", "SIGNAL_CONFLICT"]
    assert again(job).outcome == "completed"
    assert_whole(job)
