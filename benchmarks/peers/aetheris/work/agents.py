"""The jobs. A goal is a name, under which the last node notes that it was reached, and a size."""

import itertools

from aetheris import Agent, PlanContext, TaskGraph
from benchmarks.peers.aetheris.work.steps import call_done, call_one, call_slow, calls, done, first, one


def in_turn(graph: TaskGraph, keys: list[str]) -> TaskGraph:
    """The graph, with its nodes one after the other."""
    for before, after in itertools.pairwise(keys):
        graph.edge(before, after)
    return graph


class Chain(Agent):
    """Functions, one after the other."""

    name = "chain"
    functions = [one, done]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        name, length = goal.split()
        graph = TaskGraph()
        keys = [graph.function(f"step-{number}", one) for number in range(1, int(length))]
        keys.append(graph.function("last", done, name=name))
        return in_turn(graph, keys)


class Long(Agent):
    """The same, and the first one notes that it was reached as well."""

    name = "long"
    functions = [first, one, done]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        name, length = goal.split()
        graph = TaskGraph()
        keys = [graph.function("first", first, name=name)]
        keys += [graph.function(f"step-{number}", one) for number in range(2, int(length))]
        return in_turn(graph, [*keys, graph.function("last", done, name=name)])


class Calls(Agent):
    """Calls of a tool, one after the other: each opened in the ledger before it is made."""

    name = "calls"
    tools = [call_one, call_done]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        name, length = goal.split()
        graph = TaskGraph()
        keys = [graph.tool(f"step-{number}", call_one) for number in range(1, int(length))]
        keys.append(graph.tool("last", call_done, name=name))
        return in_turn(graph, keys)


class Code(Agent):
    """The same calls in one step node."""

    name = "code"
    tools = [call_one, call_done]
    steps = [calls]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        name, length = goal.split()
        graph = TaskGraph()
        graph.step("code", calls, name=name, length=int(length))
        return graph


class Fan(Agent):
    """One, then so many at once, then one."""

    name = "fan"
    functions = [one, done]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        name, width = goal.split()
        graph = TaskGraph()
        first, join = graph.function("first", one), graph.function("join", done, name=name)
        for number in range(int(width)):
            branch = graph.function(f"branch-{number}", one)
            graph.edge(first, branch)
            graph.edge(branch, join)
        return graph


class Parked(Agent):
    """Waits for a signal, then goes on."""

    name = "parked"
    functions = [done]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        name, _ = goal.split()
        graph = TaskGraph()
        graph.edge(graph.wait("go", correlation_key="go"), graph.function("last", done, name=name))
        return graph


class Slow(Agent):
    """The second of three steps takes three seconds."""

    name = "slow"
    tools = [call_one, call_slow, call_done]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        name, _ = goal.split()
        graph = TaskGraph()
        keys = [graph.tool("one", call_one), graph.tool("slow", call_slow, name=name)]
        keys.append(graph.tool("last", call_done, name=name))
        return in_turn(graph, keys)
