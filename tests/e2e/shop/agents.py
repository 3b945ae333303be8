"""An agent that calls the one tool that its goal names: `slow_payment 3`."""

from typing import Any

from aetheris import Agent, PlanContext, RetryPolicy, TaskGraph, function, ref
from tests.e2e.shop.payments import PAYMENTS
from tests.e2e.shop.tools import (
    flaky_payment,
    forgotten_payment,
    remembered_payment,
    slow_letter,
    slow_payment,
    slow_read,
)


class Caller(Agent):
    name = "caller"
    tools = [slow_read, slow_payment, slow_letter, remembered_payment, forgotten_payment]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        tool, seconds = goal.split()
        graph = TaskGraph()
        graph.tool("call", tool, seconds=float(seconds))
        return graph


class Wide(Agent):
    """Calls one tool three times at once: `slow_letter 1`."""

    name = "wide"
    tools = [slow_read, slow_payment, slow_letter]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        tool, seconds = goal.split()
        graph = TaskGraph()
        for each in ("one", "two", "three"):
            graph.tool(each, tool, seconds=float(seconds))
        return graph


class Chain(Wide):
    """Calls one tool three times, one after the other: `slow_payment 1`."""

    name = "chain"

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = super().plan(ctx, goal)
        graph.edge("one", "two")
        graph.edge("two", "three")
        return graph


class Napper(Agent):
    """Sleeps for as many seconds as its goal says."""

    name = "napper"

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = TaskGraph()
        graph.sleep("nap", float(goal))
        return graph


class LateNapper(Napper):
    """Three seconds after the message it must be over."""

    name = "late-napper"
    deadline = 3


@function
def count_down(left: int) -> TaskGraph:
    """One payment, and the next turn under it."""
    graph = TaskGraph()
    graph.tool("pay", slow_payment, seconds=0.02)
    if left > 1:
        graph.workflow("next", "count_down", left=left - 1)
        graph.edge("pay", "next")
    return graph


@function
def gather(parts: list[dict[str, str]]) -> int:
    return len(parts)


class Mixed(Agent):
    """Graphs of every shape, by the goal's name."""

    name = "mixed"
    tools = [slow_read, slow_payment, flaky_payment]
    functions = [count_down, gather]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = TaskGraph()
        if goal == "chain":
            graph.tool("one", slow_payment, seconds=0.05)
            graph.tool("two", slow_payment, seconds=0.05)
            graph.edge("one", "two")
        elif goal == "fan-out":
            branches = [graph.tool(f"branch-{number}", slow_read, seconds=0.02) for number in range(5)]
            graph.function("gather", gather, parts=[ref(branch) for branch in branches])
            for branch in branches:
                graph.edge(branch, "gather")
        elif goal == "retry":
            graph.tool("flaky", flaky_payment, seconds=0.02)
            graph.options("flaky", retry=RetryPolicy(max_tries=10, first_seconds=0.5, longest_seconds=2))
        else:
            graph.workflow("loop", count_down, left=3)
        return graph


@function
def receipt(paid: dict[str, Any]) -> dict[str, Any]:
    return {"receipt": paid}


class Payer(Agent):
    """Pays by the tool of the effect class that its goal names, and writes a receipt: `idempotent`."""

    name = "payer"
    tools = PAYMENTS
    functions = [receipt]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = TaskGraph()
        graph.tool("pay", f"{goal}_payment")
        graph.function("receipt", receipt, paid=ref("pay"))
        graph.edge("pay", "receipt")
        return graph
