"""One agent that makes graphs of every shape. Its goal is an order of the load, as JSON."""

import json
from itertools import pairwise
from typing import Any

from aetheris import Agent, PlanContext, RetryPolicy, TaskGraph, function, ref
from tests.chaos.soak.shop.tools import TOOLS

STUBBORN = RetryPolicy(max_tries=100, first_seconds=0.2, longest_seconds=2)
"""The faults of the soak must not use up a node's tries: then more would end in doubt than the faults explain."""


@function
def gather(parts: list[dict[str, Any]]) -> int:
    return len(parts)


@function
def turn(left: int) -> TaskGraph:
    """One payment, and the next turn under it."""
    graph = TaskGraph()
    _tool(graph, "pay", "keyed")
    if left > 1:
        graph.workflow("next", "turn", left=left - 1)
        graph.edge("pay", "next")
    return graph


class Shopper(Agent):
    name = "shopper"
    tools = TOOLS
    functions = [gather, turn]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        order = json.loads(goal)
        graph = TaskGraph()
        getattr(self, f"plan_{order['kind']}")(graph, order)
        return graph

    def plan_three(self, graph: TaskGraph, order: dict[str, Any]) -> None:
        """Three tools, one after the other."""
        _chain(graph, order["tools"])

    def plan_refund(self, graph: TaskGraph, order: dict[str, Any]) -> None:
        """A payment that somebody has to approve first."""
        _tool(graph, "look", "look")
        graph.wait(
            "agree", kind="human", correlation_key="agree", approves="pay", reason="A refund waits", timeout="1h"
        )
        _tool(graph, "pay", order["tool"])
        graph.edge("look", "agree")
        graph.edge("agree", "pay")

    def plan_wait(self, graph: TaskGraph, order: dict[str, Any]) -> None:
        """A signal that comes, or a timeout."""
        graph.wait("answer", correlation_key="answer", timeout=order["timeout"], on_timeout="branch")
        _tool(graph, "pay", order["tool"])
        _tool(graph, "late", "booked")
        graph.edge("answer", "pay")
        graph.edge("answer", "late", on="timeout")

    def plan_parallel(self, graph: TaskGraph, order: dict[str, Any]) -> None:
        """Four at once."""
        branches = [_tool(graph, f"branch-{number}", name) for number, name in enumerate(order["tools"])]
        graph.function("gather", gather, parts=[ref(branch) for branch in branches])
        for branch in branches:
            graph.edge(branch, "gather")

    def plan_retry(self, graph: TaskGraph, order: dict[str, Any]) -> None:
        """A provider that answers badly, or refuses."""
        _tool(graph, "pay", order["tool"], **order["arguments"])
        _tool(graph, "sorry", "booked")
        graph.edge("pay", "sorry", on="error")

    def plan_cancel(self, graph: TaskGraph, order: dict[str, Any]) -> None:
        """Something to be cancelled in the middle of."""
        _chain(graph, order["tools"])

    def plan_agent(self, graph: TaskGraph, order: dict[str, Any]) -> None:
        """Decides by itself what comes next."""
        graph.workflow("turns", turn, left=order["turns"])


def _chain(graph: TaskGraph, names: list[str]) -> None:
    keys = [_tool(graph, f"{number}-{name}", name) for number, name in enumerate(names)]
    for before, after in pairwise(keys):
        graph.edge(before, after)


def _tool(graph: TaskGraph, key: str, name: str, **arguments: Any) -> str:
    graph.tool(key, name, **arguments)
    graph.options(key, retry=STUBBORN)
    return key
