"""The graphs, and how they are called. Each step is a node, and committed before the next (`durability="sync"`)."""

import operator
import os
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from benchmarks.measure import loops, marks
from benchmarks.measure.environ import THREADS


class State(TypedDict, total=False):
    name: str
    left: int
    ok: bool


class Width(TypedDict, total=False):
    name: str
    width: int
    answers: Annotated[list[bool], operator.add]


def saver() -> PostgresSaver:
    """With a connection for each thread."""
    settings = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    pool: Any = ConnectionPool(os.environ["BENCH_URL"], min_size=THREADS, max_size=THREADS, kwargs=settings)
    pool.wait()
    return PostgresSaver(pool)


def one(state: State) -> State:
    return {"ok": True}


def done(state: Any) -> State:
    marks.mark("done", state["name"])
    return {"ok": True}


def slow(state: State) -> State:
    loops.slow_step(state["name"])
    return {"ok": True}


def in_turn(kept: PostgresSaver, *steps: Any) -> Any:
    """One node after the other."""
    graph: Any = StateGraph(State)
    for number, step in enumerate(steps):
        graph.add_node(f"step-{number}", step)
        graph.add_edge(f"step-{number - 1}" if number else START, f"step-{number}")
    graph.add_edge(f"step-{len(steps) - 1}", END)
    return graph.compile(checkpointer=kept)


def chain(kept: PostgresSaver, length: int = loops.STEPS) -> Any:
    return in_turn(kept, *[one] * (length - 1), done)


def loop(kept: PostgresSaver) -> Any:
    """One node again and again: the growth of a history, without that of a graph."""

    def count_down(state: State) -> State:
        if state["left"] == 1:
            marks.mark("done", state["name"])
        return {"left": state["left"] - 1}

    def first(state: State) -> State:
        marks.mark("first", state["name"])
        return {"left": state["left"] - 1}

    graph: Any = StateGraph(State)
    graph.add_node("first", first)
    graph.add_node("again", count_down)
    graph.add_edge(START, "first")
    graph.add_edge("first", "again")
    graph.add_conditional_edges("again", lambda state: "again" if state["left"] else END, ["again", END])
    return graph.compile(checkpointer=kept)


def fan(kept: PostgresSaver) -> Any:
    graph: Any = StateGraph(Width)
    graph.add_node("first", lambda state: {})
    graph.add_node("branch", lambda state: {"answers": [True]})
    graph.add_node("join", done)
    graph.add_edge(START, "first")
    graph.add_conditional_edges("first", lambda state: [Send("branch", {})] * state["width"], ["branch"])
    graph.add_edge("branch", "join")
    graph.add_edge("join", END)
    return graph.compile(checkpointer=kept)


def parked(kept: PostgresSaver) -> Any:
    return in_turn(kept, lambda state: {"ok": interrupt("go on?")}, done)


def call(graph: Any, given: Any, thread: str, longest: int = 50) -> Any:
    """Run a graph under the id of a thread; `given` None goes on with it."""
    where = {"configurable": {"thread_id": thread}, "recursion_limit": longest}
    return graph.invoke(given, where, durability="sync")


def go_on() -> Command[Any]:
    return Command(resume=True)
