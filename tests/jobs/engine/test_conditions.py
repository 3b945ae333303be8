"""Functions that decide over edges: run once as a node of their own, recorded, and never under the job's lock."""

from typing import Any

import pytest
from django.db import connection

from aetheris.core import registry
from aetheris.core.canonical import loads
from aetheris.core.errors import ToolError
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Function, Tool
from jobs.models import Job, Node
from tests.world import (
    Doorbells,
    Registered,
    World,
    again,
    assert_whole,
    event_types,
    function,
    result_of,
    states,
    submitted,
)

ORDER = {"amount": 900, "lines": ["x" * 2000]}


@pytest.fixture
def act(world: World) -> Tool:
    return world.tool("act")


def deciding(answer: Any) -> Function:
    """A function that answers so, whatever it is given."""

    @function
    def large(order: Any) -> Any:
        return answer

    return large


def branching(act: Tool, large: Function) -> TaskGraph:
    """One branch for what is large, one for the rest, and a third that asks the same."""
    graph = TaskGraph()
    graph.tool("find", act, value=ORDER)
    graph.tool("review", act, value="review")
    graph.tool("note", act, value="note")
    graph.tool("pay", act, value="pay")
    graph.edge("find", "review", when=large)
    graph.edge("find", "note", when=large)
    graph.edge("find", "pay", unless=large)
    return graph


def run(registered: Registered, doorbells: Doorbells, act: Tool, large: Function) -> Job:
    registered.agent(lambda: branching(act, large), act, large)
    job = submitted()
    doorbells.drain()
    assert_whole(job)
    return again(job)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (True, {"review": "completed", "note": "completed", "pay": "skipped"}),
        (False, {"review": "skipped", "note": "skipped", "pay": "completed"}),
    ],
)
def test_the_branch_that_the_function_decides_for_is_taken(
    registered: Registered, doorbells: Doorbells, act: Tool, answer: bool, expected: dict[str, str]
) -> None:
    job = run(registered, doorbells, act, deciding(answer))
    assert job.state == "completed"
    assert states(job) == {"find": "completed", "find-large": "completed", **expected}


def test_it_is_asked_once_outside_the_lock_for_the_whole_output(
    registered: Registered, doorbells: Doorbells, act: Tool
) -> None:
    asked = []

    @function
    def large(order: dict[str, Any]) -> bool:
        asked.append((order, connection.in_atomic_block))
        return True

    job = run(registered, doorbells, act, large)
    assert asked == [(ORDER, False)]
    decision = Node.objects.get(job=job, path="find-large")
    assert (loads(decision.output or ""), event_types(job).count("node_finished")) == (True, 5)


@pytest.mark.parametrize("answer", [None, 0, 1, "true", [], {"yes": True}])
def test_an_answer_that_is_neither_true_nor_false_fails_its_node(
    registered: Registered, doorbells: Doorbells, act: Tool, answer: Any
) -> None:
    job = run(registered, doorbells, act, deciding(answer))
    assert job.state == "failed"
    assert loads(job.error or "")["code"] == "CONDITION_NOT_BOOLEAN"
    assert loads(job.error or "")["node_id"] == "find-large"


def test_a_decision_that_fails_may_lead_on(registered: Registered, doorbells: Doorbells, act: Tool) -> None:
    large = deciding("who knows")

    def plan() -> TaskGraph:
        graph = branching(act, large)
        graph.tool("ask", act, value="ask")
        graph.edge("find-large", "ask", on="error")
        return graph

    registered.agent(plan, act, large)
    job = submitted()
    doorbells.drain()
    assert (again(job).state, states(job)["ask"], states(job)["pay"]) == ("completed", "completed", "skipped")
    assert_whole(job)


def test_what_has_failed_is_not_decided_over(
    registered: Registered, doorbells: Doorbells, act: Tool, world: World
) -> None:
    large = deciding(True)
    find = world.tool("find")
    world.answers["find"] = ToolError("nothing there")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("find", find)
        graph.tool("review", act)
        graph.tool("sorry", act, value="sorry")
        graph.edge("find", "review", when=large)
        graph.edge("find", "sorry", on="error")
        return graph

    registered.agent(plan, find, act, large)
    job = submitted()
    doorbells.drain()
    assert states(job) == {"find": "failed", "find-large": "skipped", "review": "skipped", "sorry": "completed"}
    assert result_of(job) == {"sorry": "sorry"}
    assert_whole(job)


def test_it_must_be_listed_by_the_agent(registered: Registered, doorbells: Doorbells, act: Tool) -> None:
    large = deciding(True)
    registered.agent(lambda: branching(act, large), act)
    job = submitted()
    doorbells.drain()
    assert loads(again(job).error or "")["code"] == "FUNCTION_NOT_FOUND"


def test_a_process_without_its_code_leaves_the_decision_to_others(
    registered: Registered, doorbells: Doorbells, act: Tool
) -> None:
    large = deciding(True)
    registered.agent(lambda: branching(act, large), act, large)
    job = submitted()
    with registry.functions.emptied():
        doorbells.drain()
        assert states(job)["find-large"] == "ready"
    doorbells.rung.append((job.pk, "find-large", "default"))
    doorbells.drain()
    assert again(job).state == "completed"
    assert_whole(job)
