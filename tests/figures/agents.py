"""Agents with large plans. Some steps of the long chain note what it has cost until then."""

import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection

from aetheris import Agent, PlanContext, TaskGraph, ToolContext, ref, tool
from aetheris.services import read_instance
from benchmarks.measure.cpu import cpu_seconds

START, END = (100, 1_100), (9_000, 10_000)
"""Between which steps a step is measured at either end of the chain."""
NOTES = "notes.jsonl"

statements = 0


def count(execute: Callable[..., Any], *call: Any) -> Any:
    """Around each statement of a node thread."""
    global statements
    statements += 1
    return execute(*call)


def note(number: int) -> None:
    """Write down the CPU milliseconds of workers and PostgreSQL, and the statements of this process's node threads."""
    data = Path(os.environ["AETHERIS_DATA"])
    instance = read_instance(data)
    assert instance is not None
    pids = [pid for name, pid in instance.processes.items() if name.startswith(("postgres", "worker"))]
    with (data / NOTES).open("a") as file:
        file.write(json.dumps({"step": number, "cpu": 1000 * cpu_seconds(pids), "statements": statements}) + "\n")


@tool(effect="idempotent")
def step(ctx: ToolContext, number: int = 0, before: int = 0) -> int:
    """One step; it reads what the step before it answered."""
    if count not in connection.execute_wrappers:
        connection.execute_wrappers.append(count)
    if number in (*START, *END):
        note(number)
    return number


class LongChain(Agent):
    """As many steps as the goal says, one after the other."""

    name = "long-chain"
    tools = [step]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = TaskGraph()
        keys = [f"step-{number}" for number in range(1, int(goal) + 1)]
        graph.tool(keys[0], step, number=1)
        for number, (before, after) in enumerate(itertools.pairwise(keys), 2):
            graph.tool(after, step, number=number, before=ref(before))
            graph.edge(before, after)
        return graph


class FanOut(Agent):
    """As many branches as the goal says, and one step after all of them."""

    name = "fan-out"
    tools = [step]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = TaskGraph()
        graph.tool("last", step)
        for number in range(int(goal)):
            graph.edge(graph.tool(f"branch-{number}", step), "last")
        return graph


class Parking(Agent):
    """Waits for an answer that nobody gives."""

    name = "parking"

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = TaskGraph()
        graph.wait("ask", correlation_key="answer")
        return graph


class Backlog(Agent):
    """As many nodes as the goal says, READY at once in a queue that no worker serves."""

    name = "backlog"
    tools = [step]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = TaskGraph()
        for number in range(int(goal)):
            graph.options(graph.tool(f"node-{number}", step), queue="unserved")
        return graph
