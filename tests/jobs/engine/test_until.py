"""A node that looks again and again until what it sees is as the plan wants it."""

from typing import Any

import pytest

from aetheris.core.errors import GraphError, Refused, ToolError
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from jobs.engine.cancel import cancel
from jobs.engine.claim import claim
from jobs.engine.signal import signal
from jobs.engine.sweep import sweep
from jobs.engine.transaction import job_transaction
from jobs.models import Job
from ledger.models import Entry
from signals_app.models import Wait
from tests.conftest import Clock
from tests.jobs.engine.one_tool import LEASE
from tests.world import APPROVER, Doorbells, Registered, World, again, in_turn, result_of, states, submitted

pytestmark = pytest.mark.usefixtures("whole")
SETTLED = {"ref": "watch.status", "op": "==", "value": "settled"}
PENDING, DONE = {"status": "pending"}, {"status": "settled"}


def watching(registered: Registered, world: World, *answers: Any, **options: Any) -> Job:
    look, after = world.tool("look"), world.tool("after", Effect.ONCE)
    world.answers["look"] = in_turn(*answers)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.until("watch", look, when=SETTLED, **{"every": "30s", "timeout": "1h", **options})
        graph.tool("after", after, value="after it")
        graph.edge("watch", "after", on="success")
        return graph

    registered.agent(plan, look, after)
    return submitted()


def later(doorbells: Doorbells, clock: Clock, seconds: float = 31) -> None:
    clock.advance(seconds)
    sweep()
    doorbells.drain()


def test_it_looks_until_it_is_so_and_waits_parked_in_between(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = watching(registered, world, PENDING, PENDING, DONE)
    doorbells.drain()
    assert (again(job).state, world.called("look")) == ("parked", 1)
    later(doorbells, clock, 5)
    assert world.called("look") == 1, "not before its time"
    later(doorbells, clock)
    later(doorbells, clock)
    assert (again(job).state, result_of(job), world.called("look")) == ("completed", "after it", 3)
    assert (Wait.objects.get(job=job).state, Wait.objects.get(job=job).looks) == ("resolved", 2)
    looks = Entry.objects.filter(job=job, node="watch").order_by("opened_at")
    assert [entry.step_id for entry in looks] == ["watch#1", "watch#2", "watch#3"]


@pytest.mark.parametrize(
    ("on_timeout", "state", "called"), [("fail", "failed", 0), ("continue", "completed", 1), ("branch", "failed", 0)]
)
def test_its_time_is_over(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, on_timeout: str, state: str, called: int
) -> None:
    job = watching(registered, world, *[PENDING] * 9, timeout="70s", on_timeout=on_timeout)
    for _ in range(4):
        doorbells.drain()
        later(doorbells, clock)
    assert (again(job).state, world.called("after")) == (state, called)
    assert Wait.objects.get(job=job).state == "timed_out"


def test_a_worker_lost_while_it_looked_is_followed_by_the_same_look(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = watching(registered, world, PENDING, DONE)
    doorbells.drain()
    clock.advance(31)
    with job_transaction(job.pk) as tx:
        assert claim(tx, "watch") is not None
    later(doorbells, clock, LEASE + 1)
    assert (again(job).state, world.called("look")) == ("completed", 2)
    assert Entry.objects.filter(job=job, node="watch").count() == 2


def test_a_look_in_doubt_is_tried_again_as_policy_says(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = watching(registered, world, PENDING, ConnectionResetError("half an answer"), DONE)
    doorbells.drain()
    later(doorbells, clock)
    assert again(job).state == "parked"
    later(doorbells, clock)
    assert (again(job).state, world.called("look")) == ("completed", 3)


def test_a_condition_that_cannot_be_evaluated_fails_the_node(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    look = world.tool("look")
    world.answers["look"] = {"amount": "no number"}

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.until("watch", look, when={"ref": "watch.amount", "op": ">", "value": 3})
        return graph

    registered.agent(plan, look)
    job = submitted()
    doorbells.drain()
    assert "CONDITION_NOT_ORDERED" in str(again(job).error)


def test_nobody_answers_for_it(registered: Registered, world: World, doorbells: Doorbells) -> None:
    job = watching(registered, world, PENDING)
    doorbells.drain()
    with pytest.raises(Refused) as refused:
        signal(job.pk, "condition:watch", {"status": "settled"}, APPROVER)
    assert refused.value.code == "INVALID_SIGNAL_KEY"


def test_a_cancelled_job_looks_no_more(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = watching(registered, world, PENDING, PENDING)
    doorbells.drain()
    cancel(job.pk, actor="user:1/requester", reason="")
    later(doorbells, clock)
    assert (again(job).state, world.called("look"), states(job)["watch"]) == ("cancelled", 1, "cancelled")


def test_only_a_read_tool_looks_again(registered: Registered, world: World, doorbells: Doorbells) -> None:
    pay = world.tool("pay", Effect.ONCE)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.until("watch", pay, when=SETTLED)
        return graph

    registered.agent(plan, pay)
    job = submitted()
    doorbells.drain()
    assert ("GRAPH_WAIT_INVALID" in str(again(job).error), world.called("pay")) == (True, 0)


def test_its_condition_is_about_itself() -> None:
    graph = TaskGraph()
    graph.until("watch", "look", when={"ref": "other.status", "op": "==", "value": 1})
    with pytest.raises(GraphError) as refused:
        graph.check()
    assert refused.value.code == "GRAPH_CONDITION_INVALID"


def test_what_cannot_be_seen_is_waited_for_no_more(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """Its node has failed: no sweep may find its wait due, however late."""
    job = watching(registered, world, PENDING, ToolError("cannot see"))
    doorbells.drain()
    later(doorbells, clock)
    assert (again(job).state, Wait.objects.get(job=job).state) == ("failed", "cancelled")
    clock.advance(7200)
    assert sweep()["timed_out"] == 0


def test_what_is_skipped_is_waited_for_no_more(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    look = world.tool("look")
    world.answers["look"] = ToolError("cannot see")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("first", look)
        graph.tool("mend", "mend")
        graph.until("watch", look, when=SETTLED)
        graph.edge("first", "watch")
        graph.edge("first", "mend", on="error")
        return graph

    registered.agent(plan, look, world.tool("mend"))
    job = submitted()
    doorbells.drain()
    assert (states(job)["watch"], Wait.objects.get(job=job).state) == ("skipped", "cancelled")
