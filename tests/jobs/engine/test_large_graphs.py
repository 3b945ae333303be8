"""A graph of more nodes than an activation reads at once costs no more a node than a small one."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from aetheris.core.graph import NodeSpec, TaskGraph
from jobs.engine import expand, known
from jobs.engine.run import run_node
from jobs.models import Node
from tests.statements import statements
from tests.world import Doorbells, Registered, again, function, submitted

pytestmark = pytest.mark.usefixtures("whole")
SIZE = known.MOST_NEW + known.WINDOW


@function
def step(number: int) -> int:
    return number


def chain() -> TaskGraph:
    graph = TaskGraph()
    for number in range(SIZE):
        graph.function(f"n{number}", step, number=number)
        if number:
            graph.edge(f"n{number - 1}", f"n{number}")
    return graph


def fan(width: int = SIZE) -> TaskGraph:
    graph = TaskGraph()
    for number in range(width):
        graph.function(f"n{number}", step, number=number)
    return graph


@pytest.mark.parametrize(("plan", "most"), [(chain, 1.3), (fan, 0.5)])
def test_a_node_of_a_large_graph_costs_one_statement_or_less(
    registered: Registered, doorbells: Doorbells, plan: Callable[[], TaskGraph], most: float
) -> None:
    registered.agent(plan, step)
    job = submitted()
    with statements() as sent:
        run_node(job.pk, "plan")
        doorbells.drain()
    assert again(job).state == "completed"
    assert len(sent) < most * SIZE


def between(width: int) -> TaskGraph:
    graph = fan(width)
    for end in ("first", "last"):
        graph.function(end, step, number=0)
    for number in range(width):
        graph.edge("first", f"n{number}")
        graph.edge(f"n{number}", "last")
    return graph


def test_a_branch_of_a_wide_fan_out_costs_a_thousand_calls_of_python_at_most(
    registered: Registered, doorbells: Doorbells
) -> None:
    """Nothing is looked for among all branches whenever one has ended."""
    width, called = 3 * SIZE, 0

    def count(_frame: Any, event: str, _of: Any) -> None:
        nonlocal called
        called += event == "call"

    registered.agent(lambda: between(width), step)
    job = submitted()
    sys.setprofile(count)
    try:
        run_node(job.pk, "plan")
        doorbells.drain()
    finally:
        sys.setprofile(None)
    assert again(job).state == "completed"
    assert called < 1_000 * width


def test_a_large_graph_is_built_once(
    registered: Registered, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it is too large for one statement is known before."""
    built: list[str] = []
    make = expand._node

    def counted(blocked: expand.Columns, prefix: str, spec: NodeSpec, *place: int) -> Node:
        built.append(spec.key)
        return make(blocked, prefix, spec, *place)

    monkeypatch.setattr(expand, "_node", counted)
    registered.agent(fan, step)
    run_node(submitted().pk, "plan")
    assert len(built) == SIZE


def test_what_nothing_follows_is_found_without_a_look_for_each_node(
    registered: Registered, doorbells: Doorbells
) -> None:
    """Also where the planner does not know yet how many edges there are."""
    registered.agent(chain, step)
    job = submitted()
    run_node(job.pk, "plan")
    plans: list[str] = []

    def explain(execute: Any, statement: str, values: Any, *call: Any) -> Any:
        execute(f"EXPLAIN {statement}", values, *call)
        plans.append(str(call[-1]["cursor"].fetchall()))
        return execute(statement, values, *call)

    with connection.execute_wrapper(explain):
        assert [sink.path for sink in Node.objects.sinks(job.pk, "")] == [f"n{SIZE - 1}"]
    assert "hashed SubPlan" in plans[0]
