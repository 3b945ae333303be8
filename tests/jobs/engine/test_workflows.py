"""Graphs that grow: workflow nodes, loops, skipped branches and limits of width."""

import itertools
from typing import Any

import pytest

from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.references import ref
from jobs.engine.run import run_node
from jobs.engine.signal import signal
from jobs.engine.transitions import recount
from jobs.models import Node
from ledger.models import Event
from tests.statements import statements
from tests.world import (
    APPROVER,
    Doorbells,
    Registered,
    World,
    again,
    assert_whole,
    function,
    result_of,
    states,
    submitted,
)


def test_a_workflow_node_runs_the_graph_that_its_function_answers(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    """One item, one branch: the children stand under the node, and its output is the named sink's."""
    work = world.tool("work", Effect.IDEMPOTENT)

    @function
    def total(parts: list[int]) -> int:
        return sum(parts)

    @function
    def spread(items: list[int]) -> TaskGraph:
        graph = TaskGraph(output="total")
        for place, item in enumerate(items):
            graph.tool(f"item-{place}", work, value=item)
        graph.function("total", total, parts=[ref(f"item-{place}") for place in range(len(items))])
        for place in range(len(items)):
            graph.edge(f"item-{place}", "total")
        return graph

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("list", work, value=[3, 4, 5])
        graph.workflow("each", spread, items=ref("list"))
        graph.tool("after", work, value=ref("each"))
        graph.edge("list", "each")
        graph.edge("each", "after")
        return graph

    registered.agent(plan, work, spread, total)
    job = submitted()
    doorbells.drain()
    assert again(job).state == "completed"
    assert result_of(job) == 12
    assert states(job)["each/item-1"] == "completed"
    assert f"aetheris:{job.pk}:each/item-1:1" in {key for _, _, key in world.calls}
    assert_whole(job)


def test_a_loop_is_a_workflow_that_answers_with_itself(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    work = world.tool("work")

    @function
    def turn(left: int) -> TaskGraph:
        graph = TaskGraph()
        graph.tool("step", work, value=left)
        if left > 1:
            graph.workflow("next", "turn", left=left - 1)
            graph.edge("step", "next")
        return graph

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.workflow("loop", turn, left=5)
        return graph

    registered.agent(plan, work, turn)
    job = submitted()
    doorbells.drain()
    assert (again(job).state, world.called("work"), result_of(job)) == ("completed", 5, 1)
    assert "loop/next/next/next/next/step" in states(job)
    assert_whole(job)


def test_a_child_that_waits_parks_the_job(registered: Registered, world: World, doorbells: Doorbells) -> None:
    pay = world.tool("pay", Effect.IDEMPOTENT)

    @function
    def ask() -> TaskGraph:
        graph = TaskGraph(output="pay")
        graph.wait("ask", kind="approval", correlation_key="ask-1", approves="pay")
        graph.tool("pay", pay, value=7)
        graph.edge("ask", "pay")
        return graph

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.workflow("sub", ask)
        return graph

    registered.agent(plan, pay, ask)
    job = submitted()
    doorbells.drain()
    assert again(job).state == "parked"
    assert_whole(job)
    signal(job.pk, "ask-1", {"approved": True}, APPROVER)
    doorbells.drain()
    assert (again(job).state, result_of(job)) == ("completed", 7)
    assert_whole(job)


def test_a_child_that_fails_fails_the_job(registered: Registered, world: World, doorbells: Doorbells) -> None:
    work = world.tool("work")
    world.answers["work"] = ValueError("broken")

    @function
    def spread() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("one", "work", value=1)
        graph.wait("other", correlation_key="never")
        return graph

    @function
    def broken() -> int:
        raise ValueError("no")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.workflow("sub", spread)
        graph.function("bad", broken)
        return graph

    registered.agent(plan, work, spread, broken)
    job = submitted()
    doorbells.drain()
    assert again(job).state == "failed"
    assert_whole(job)


def test_a_function_of_a_workflow_must_answer_with_a_graph(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    @function
    def number() -> int:
        return 1

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.workflow("sub", number)
        return graph

    registered.agent(plan, number)
    job = submitted()
    doorbells.drain()
    assert "GRAPH_INVALID" in (again(job).error or "")


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_nodes_run_at_once_than_the_agent_allows(
    registered: Registered, world: World, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    work = world.tool("work")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        for number in range(8):
            graph.tool(f"n{number}", work, value=number)
        return graph

    monkeypatch.setattr(registered.agent(plan, work), "max_parallel", limit)
    job = submitted()
    most = 0

    def look(ctx: Any) -> int:
        nonlocal most
        most = max(most, Node.objects.filter(job=job, state="running").count())
        # Everybody else comes at the same time.
        for number in range(8):
            if most < limit:
                run_node(job.pk, f"n{number}")
        return 1

    world.answers["work"] = look
    doorbells.drain()
    assert (again(job).state, most) == ("completed", limit)
    assert_whole(job)


def test_a_long_skipped_chain_costs_a_few_statements(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    work = world.tool("work")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("start", work, value={"go": False})
        previous = "start"
        for number in range(2000):
            node = graph.tool(f"n{number}", work)
            graph.edge(previous, node, when={"ref": "start.go", "op": "==", "value": True} if number == 0 else None)
            previous = node
        graph.tool("end", work, value="end")
        graph.edge(previous, "end")
        graph.edge("start", "end")
        return graph

    registered.agent(plan, work)
    job = submitted()
    run_node(job.pk, "plan")
    doorbells.rung.append((job.pk, "start", "default"))
    with statements() as sent:
        doorbells.drain()
    assert again(job).state == "completed"
    assert list(states(job).values()).count("skipped") == 2000
    assert len(sent) < 120
    assert_whole(job)


def test_a_failure_cancels_a_wide_graph_in_a_few_statements(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    work = world.tool("work")

    @function
    def broken() -> int:
        raise ValueError("no")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.function("bad", broken)
        for number in range(2000):
            graph.tool(f"n{number}", work)
            graph.edge("bad", f"n{number}")
        return graph

    registered.agent(plan, work, broken)
    job = submitted()
    doorbells.drain()
    job = again(job)
    assert (job.state, {name: getattr(job, name) for name in recount(job)}) == ("failed", recount(job))
    assert_whole(job)


def test_a_fan_out_rings_for_a_few_and_every_branch_runs(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    """Whoever answers one doorbell goes on with the next branch."""
    work = world.tool("work")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("start", work)
        for number in range(100):
            graph.tool(f"n{number}", work)
            graph.edge("start", f"n{number}")
        return graph

    registered.agent(plan, work)
    job = submitted()
    run_node(*doorbells.rung.pop()[:2])
    assert len(doorbells.rung) <= 16
    doorbells.drain()
    assert (again(job).state, world.called("work")) == ("completed", 101)
    assert_whole(job)


def test_a_chain_of_ten_tools_takes_thirteen_writing_transactions(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    """Submit, claim of the plan, plan and first claim, nine times commit and claim, last commit: one each."""
    act = world.tool("act", Effect.IDEMPOTENT)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        keys = [graph.tool(f"n{number}", act, value=number) for number in range(10)]
        for before, after in itertools.pairwise(keys):
            graph.edge(before, after)
        return graph

    registered.agent(plan, act)
    job = submitted()
    doorbells.drain()
    assert again(job).state == "completed"
    assert len(set(Event.objects.stream(job.pk).values_list("txid", flat=True))) <= 13
