"""Rescue takes back the lease of exactly one lost activation, and counts the crash as reclaim does."""

from typing import Any
from uuid import UUID

import pytest

from aetheris.core.context import ToolContext
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.ids import new_id
from jobs.engine.cancel import cancel
from jobs.engine.claim import claim
from jobs.engine.reclaim import reclaim_if_expired
from jobs.engine.rescue import rescue
from jobs.engine.run import run_node
from jobs.engine.transaction import job_transaction
from jobs.models import Job, Node
from tests.conftest import Clock
from tests.world import REQUESTER, Doorbells, Registered, World, again, event_types, states, submitted

pytestmark = pytest.mark.usefixtures("whole")


@pytest.fixture
def job(registered: Registered, world: World, doorbells: Doorbells) -> Job:
    """Two branches, `read` and `send`, both READY."""
    read, send = world.tool("read", Effect.READ), world.tool("send", Effect.ONCE)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("read", read)
        graph.tool("send", send)
        return graph

    registered.agent(plan, read, send)
    made = submitted()
    with pytest.MonkeyPatch.context() as step_by_step:
        step_by_step.setattr("jobs.engine.run.SLICE_SECONDS", 0.0)
        run_node(made.pk, "plan")
    doorbells.rung.clear()
    return again(made)


def taken(job: Job, path: str, activation: UUID | None = None) -> None:
    """An activation claims the node, and then its process is killed."""
    with job_transaction(job.pk) as tx:
        assert claim(tx, path, activation) is not None


def rows(job: Job) -> list[dict[str, Any]]:
    return list(Node.objects.of_job(job.pk).values())


def test_what_a_lost_activation_held_is_ready_at_once(job: Job, doorbells: Doorbells, world: World) -> None:
    activation = new_id()
    taken(job, "read", activation)
    assert rescue(activation)
    node = Node.objects.get(job=job, path="read")
    assert (node.state, node.claims, node.crashes, node.lease_token) == ("ready", 1, 1, None)
    assert event_types(job)[-1] == "node_reclaimed"
    assert (job.pk, "read", "default") in doorbells.rung
    doorbells.drain()
    assert (states(job)["read"], world.called("read")) == ("completed", 1)


def test_no_other_activation_loses_its_lease(job: Job) -> None:
    """The same message in another child, a thread, a receiver, another host: each is an activation of its own."""
    lost = new_id()
    taken(job, "read", new_id())
    taken(job, "send")
    before = rows(job)
    assert not rescue(lost)
    assert rows(job) == before


def test_of_two_branches_only_the_lost_one_is_taken_back(job: Job) -> None:
    lost, living = new_id(), new_id()
    taken(job, "read", lost)
    taken(job, "send", living)
    assert rescue(lost)
    assert states(job) == {"read": "ready", "send": "running"}
    assert Node.objects.get(job=job, path="send").crashes == 0


def test_a_rescue_that_comes_late_or_twice_finds_nothing(job: Job, clock: Clock) -> None:
    """The sweep was first, and somebody else has the node since."""
    lost = new_id()
    taken(job, "read", lost)
    clock.advance(16)
    assert reclaim_if_expired(job.pk, "read")
    assert not rescue(lost)
    taken(job, "read")
    before = rows(job)
    assert not rescue(lost)
    assert rows(job) == before


def test_an_activation_that_went_on_has_lost_only_what_it_held_last(job: Job, world: World) -> None:
    """It completed one node, claimed the next in that commit, and is given up in the middle of its call."""
    activation = new_id()
    seen: list[Any] = []

    def lost(ctx: ToolContext) -> None:
        seen.append(rescue(activation))
        seen.extend(Node.objects.of_job(job.pk).values_list("path", "state", "crashes"))

    world.answers["send"] = lost
    run_node(job.pk, "read", activation)
    assert seen == [True, ("plan", "completed", 0), ("read", "completed", 0), ("send", "ready", 1)]
    assert (states(job)["send"], world.called("send")) == ("completed", 1), "the late fact is recorded all the same"


def test_what_may_not_be_repeated_is_shown_and_not_sent(job: Job, doorbells: Doorbells, world: World) -> None:
    activation = new_id()
    taken(job, "send", activation)
    assert rescue(activation)
    doorbells.drain()
    assert (states(job)["send"], world.called("send")) == ("waiting", 0)
    assert "job_waiting" in event_types(job)


def test_a_node_that_kills_its_workers_is_given_up(job: Job, doorbells: Doorbells) -> None:
    for _ in range(3):
        activation = new_id()
        taken(job, "read", activation)
        assert rescue(activation)
    assert states(job)["read"] == "failed"
    assert again(job).state == "failed"


def test_a_job_that_is_to_be_cancelled_ends_by_it(job: Job) -> None:
    activation = new_id()
    taken(job, "read", activation)
    cancel(job.pk, actor=REQUESTER)
    assert again(job).state == "running"
    assert rescue(activation)
    assert again(job).state == "cancelled"
