"""The priority of a job: where it comes from, where it stands, and that what is less urgent makes way for it."""

from typing import Any

import pytest
from django.db import IntegrityError

from aetheris.agents.base import Agent
from aetheris.core.errors import Refused
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Tool
from jobs.engine import schedule as schedules
from jobs.engine.run import run_node
from jobs.engine.sweep import sweep
from jobs.models import Job, Node, Schedule
from ledger.models import Event
from tests.conftest import Clock
from tests.world import (
    REQUESTER,
    Doorbells,
    PlanningAgent,
    Registered,
    World,
    again,
    assert_whole,
    function,
    states,
    submitted,
)


@pytest.fixture
def look(world: World) -> Tool:
    return world.tool("look")


@pytest.fixture
def agent(registered: Registered, look: Tool, doorbells: Doorbells) -> PlanningAgent:
    """An agent that looks, and looks once more in a workflow."""

    @function
    def more() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("again", look)
        return graph

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("look", look)
        graph.workflow("sub", more)
        return graph

    return registered.agent(plan, look, more)


def told(job: Job) -> Any:
    (created,) = Event.objects.told(job.pk, list(Event.objects.stream(job.pk)[:1]))
    return created["priority"]


def test_a_job_has_its_own_or_its_agent_s_and_so_have_its_nodes(
    agent: PlanningAgent, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "priority", 4)
    for job, expected in ((submitted(), 4), (submitted(priority=1), 1)):
        doorbells.drain()
        assert (again(job).state, job.priority, told(job)) == ("completed", expected, expected)
        assert list(Node.objects.of_job(job.pk).values_list("path", "priority")) == [
            (path, expected) for path in ("plan", "look", "sub", "sub/again")
        ]
        assert_whole(job)


@pytest.mark.parametrize("priority", [0, 6, -1, True, "1", 2.0])
def test_what_is_no_priority_is_refused(agent: PlanningAgent, priority: Any) -> None:
    with pytest.raises(Refused) as refusal:
        submitted(priority=priority)
    assert (refusal.value.code, Job.objects.count()) == ("PRIORITY_INVALID", 0)
    with pytest.raises(Refused):
        type("Hasty", (Agent,), {"name": "hasty", "priority": priority})


@pytest.mark.parametrize(("model", "constraint"), [(Job, "job_stands"), (Node, "node_priority_known")])
@pytest.mark.parametrize("priority", [0, 6])
def test_the_database_refuses_it_too(
    agent: PlanningAgent, model: type[Job] | type[Node], constraint: str, priority: int
) -> None:
    submitted()
    with pytest.raises(IntegrityError, match=constraint):
        model.objects.update(priority=priority)


def test_it_belongs_to_the_request_that_a_key_stands_for(agent: PlanningAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = submitted(idempotency_key="one", priority=2)
    assert submitted(idempotency_key="one", priority=2) == asked
    for other in (3, None):
        with pytest.raises(Refused, match="another message"):
            submitted(idempotency_key="one", priority=other)
    silent = submitted(idempotency_key="two")
    monkeypatch.setattr(agent, "priority", 5)
    assert submitted(idempotency_key="two") == silent, "the same request, whatever the agent says by now"


def test_a_schedule_s_jobs_have_their_agent_s(
    agent: PlanningAgent, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "priority", 2)
    schedule = Schedule(tenant="default", name="s", agent_name="test-agent", message="do it", interval_seconds=60)
    schedules.change(schedule, REQUESTER)
    clock.advance(61)
    sweep()
    assert Job.objects.get().priority == 2


def wide(registered: Registered, look: Tool) -> None:
    """An agent with two hundred calls that nothing keeps from running at once."""

    def plan() -> TaskGraph:
        graph = TaskGraph()
        for number in range(200):
            graph.tool(f"look-{number}", look)
        return graph

    registered.agent(plan, look, name="wide")


def test_an_activation_goes_on_with_nothing_less_urgent_than_what_waits(
    agent: PlanningAgent, registered: Registered, world: World, look: Tool, doorbells: Doorbells
) -> None:
    """Two hundred low nodes of one job in one thread, and a high job in the middle of the third: it is the next."""
    wide(registered, look)
    low = submitted(agent="wide", priority=4)
    high: list[Job] = []

    def third(ctx: Any) -> None:
        if world.called("look") == 3:
            doorbells.rung.clear()
            high.append(submitted(priority=3))

    world.answers["look"] = third
    run_node(low.pk, "plan")
    assert world.called("look") == 3
    assert doorbells.rung == [(high[0].pk, "plan", "default"), (low.pk, "look-3", "default")]
    doorbells.drain()
    assert (again(high[0]).state, again(low).state) == ("completed", "completed")
    assert_whole(low)


def test_an_activation_goes_on_while_others_are_no_more_urgent(
    agent: PlanningAgent, registered: Registered, world: World, look: Tool, doorbells: Doorbells
) -> None:
    wide(registered, look)
    low = submitted(agent="wide", priority=3)
    submitted(priority=3)
    submitted(priority=5)
    submitted(priority=1, queue="heavy")
    run_node(low.pk, "plan")
    assert set(states(low).values()) == {"completed"}
