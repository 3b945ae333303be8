"""A task graph: built step by step, checked as a whole, refused with a code that says what to mend."""

import itertools
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetheris.core import graph_check
from aetheris.core.durations import seconds
from aetheris.core.errors import GraphError
from aetheris.core.graph import TaskGraph
from aetheris.core.graph_check import MAX_NODES
from aetheris.core.references import ref
from tests.world import function


@function
def large(order: dict[str, Any]) -> bool:
    return bool(order["amount"] > 500)


@function
def compared(order: dict[str, Any], other: dict[str, Any]) -> bool:
    return order == other


def chain(*keys: str) -> TaskGraph:
    graph = TaskGraph()
    for key in keys:
        graph.tool(key, "look", value=1)
    for source, target in itertools.pairwise(keys):
        graph.edge(source, target)
    return graph


def changed(change: Callable[[TaskGraph], object]) -> TaskGraph:
    """The chain a → b → c after a change."""
    graph = chain("a", "b", "c")
    change(graph)
    return graph


def code_of(build: Callable[[], TaskGraph]) -> str:
    with pytest.raises(GraphError) as refusal:
        build().check()
    assert refusal.value.message
    return refusal.value.code


def whatever_it_says(graph: TaskGraph) -> None:
    graph.edge("a", "c", when=large)
    graph.edge("a", "c", unless=large)


def a_long_decision(graph: TaskGraph) -> None:
    graph.edge(graph.tool("x" * 59, "look"), "c", when=large)


def a_decision_in_a_taken_place(graph: TaskGraph) -> None:
    graph.tool("a-large", "look")
    graph.edge("a", "c", when=large)


def a_node_in_the_place_of_a_decision(graph: TaskGraph) -> None:
    graph.edge("a", "c", when=large)
    graph.tool("a-large", "look")


WRONG: list[tuple[str, Callable[[TaskGraph], object]]] = [
    ("GRAPH_KEY_INVALID", lambda g: g.tool("", "look")),
    ("GRAPH_KEY_INVALID", lambda g: g.tool("plan", "look")),
    ("GRAPH_KEY_INVALID", lambda g: g.tool("a.b", "look")),
    ("GRAPH_KEY_INVALID", lambda g: g.tool("a\n", "look")),
    ("GRAPH_KEY_INVALID", lambda g: g.tool("ä", "look")),
    ("GRAPH_KEY_INVALID", lambda g: g.tool("x" * 65, "look")),
    ("GRAPH_KEY_REPEATED", lambda g: g.function("a", "f")),
    ("GRAPH_EDGE_UNKNOWN", lambda g: g.edge("a", "nothing")),
    ("GRAPH_EDGE_UNKNOWN", lambda g: g.edge("nothing", "a")),
    ("GRAPH_EDGE_UNKNOWN", lambda g: g.edge("plan", "a")),
    ("GRAPH_EDGE_INVALID", lambda g: g.edge("a", "c", on="whenever")),
    ("GRAPH_EDGE_REPEATED", lambda g: g.edge("a", "b")),
    ("GRAPH_CYCLIC", lambda g: g.edge("a", "a")),
    ("GRAPH_CYCLIC", lambda g: g.edge("c", "a")),
    ("GRAPH_CYCLIC", lambda g: g.edge("c", "b", on="refused")),
    ("GRAPH_CONDITION_INVALID", lambda g: g.edge("a", "c", when={"ref": "a"})),
    ("GRAPH_CONDITION_INVALID", lambda g: g.edge("a", "c", when={"ref": "b.x", "op": "==", "value": 1})),
    ("GRAPH_CONDITION_INVALID", lambda g: g.edge("a", "c", when={"ref": "a.x", "op": "~", "value": 1})),
    ("GRAPH_CONDITION_INVALID", lambda g: g.edge("a", "c", when={"ref": None, "op": "==", "value": 1})),
    ("GRAPH_CONDITION_INVALID", lambda g: g.edge("a", "c", when="a.x > 1")),  # type: ignore[arg-type]
    ("GRAPH_CONDITION_INVALID", lambda g: g.edge("a", "c", when=large.call)),  # type: ignore[arg-type]
    ("GRAPH_CONDITION_INVALID", lambda g: g.edge("a", "c", when=compared)),
    ("GRAPH_CONDITION_INVALID", lambda g: g.edge("a", "c", when=large, unless=large)),
    ("GRAPH_CONDITION_INVALID", lambda g: g.edge("a", "c", unless="a.x > 1")),  # type: ignore[arg-type]
    ("GRAPH_CONDITION_INVALID", lambda g: g.edge("a", "c", on="error", when=large)),
    ("GRAPH_CONDITION_INVALID", lambda g: g.edge("a", "c", on="timeout", unless=large)),
    ("GRAPH_CONDITION_INVALID", lambda g: g.edge("a", "c", on="refused", when=large)),
    ("GRAPH_EDGE_UNKNOWN", lambda g: g.edge("nothing", "c", when=large)),
    ("GRAPH_EDGE_REPEATED", whatever_it_says),
    ("GRAPH_CYCLIC", lambda g: g.edge("c", "a", when=large)),
    ("GRAPH_KEY_INVALID", a_long_decision),
    ("GRAPH_KEY_REPEATED", a_decision_in_a_taken_place),
    ("GRAPH_KEY_REPEATED", a_node_in_the_place_of_a_decision),
    ("GRAPH_REFERENCE_INVALID", lambda g: g.tool("d", "look", value=ref("a.x"))),
    ("GRAPH_REFERENCE_INVALID", lambda g: g.tool("d", "look", value=[{"deep": ref("nothing")}])),
    ("GRAPH_REFERENCE_INVALID", lambda g: g.tool("d", "look", value=ref("d"))),
    ("GRAPH_REFERENCE_INVALID", lambda g: g.llm("d", "tell", inputs={"x": ref("a")})),
    ("GRAPH_VALUE_INVALID", lambda g: g.tool("d", "look", value=object())),
    ("GRAPH_VALUE_INVALID", lambda g: g.tool("d", "look", value=float("nan"))),
    ("GRAPH_VALUE_INVALID", lambda g: g.llm("d", "a \ud800")),
    ("GRAPH_VALUE_INVALID", lambda g: g.edge("a", "c", when={"ref": "a", "op": "==", "value": float("inf")})),
    ("GRAPH_SCHEMA_INVALID", lambda g: g.llm("d", "tell", answer={"type": "nonsense"})),
    ("GRAPH_SCHEMA_INVALID", lambda g: g.wait("d", correlation_key="k", answer={"pattern": "("})),
    ("GRAPH_SCHEMA_INVALID", lambda g: g.wait("d", correlation_key="k", answer={"required": 7})),
    ("GRAPH_WAIT_INVALID", lambda g: g.wait("d", correlation_key="k", kind="prayer")),
    ("GRAPH_WAIT_INVALID", lambda g: g.wait("d", correlation_key="k", kind="resolution")),
    ("GRAPH_WAIT_INVALID", lambda g: g.wait("d", correlation_key="k", kind="human", approves="nothing")),
    ("GRAPH_WAIT_INVALID", lambda g: g.wait("d", correlation_key="k", kind="human", approves="d")),
    ("GRAPH_WAIT_INVALID", lambda g: g.wait("d", correlation_key="k", kind="human", approves="a")),
    ("GRAPH_CORRELATION_KEY_INVALID", lambda g: g.wait("d", correlation_key="")),
    ("GRAPH_CORRELATION_KEY_INVALID", lambda g: g.wait("d", correlation_key="a b")),
    ("GRAPH_CORRELATION_KEY_INVALID", lambda g: g.wait("d", correlation_key="x" * 201)),
    ("GRAPH_CORRELATION_KEY_INVALID", lambda g: g.wait("d", correlation_key="resolution:a:1")),
    ("DURATION_INVALID", lambda g: g.wait("d", correlation_key="k", timeout=0)),
    ("DURATION_INVALID", lambda g: g.wait("d", correlation_key="k", timeout="soon")),
]


@pytest.mark.parametrize(("code", "change"), WRONG)
def test_a_graph_that_cannot_run_is_refused_with_its_code(code: str, change: Callable[[TaskGraph], object]) -> None:
    assert code_of(lambda: changed(change)) == code


def test_two_waits_under_one_key_are_refused() -> None:
    def build() -> TaskGraph:
        graph = TaskGraph()
        graph.wait("a", correlation_key="k")
        graph.wait("b", correlation_key="k")
        return graph

    assert code_of(build) == "GRAPH_CORRELATION_KEY_INVALID"


def test_an_empty_graph_is_refused() -> None:
    assert code_of(TaskGraph) == "GRAPH_EMPTY"


def test_a_graph_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_check, "MAX_NODES", 2)
    chain("a", "b").check()
    assert code_of(lambda: chain("a", "b", "c")) == "GRAPH_TOO_LARGE"


def test_a_cycle_is_named() -> None:
    with pytest.raises(GraphError) as refusal:
        changed(lambda graph: graph.edge("c", "b")).check()
    assert refusal.value.details == {"nodes": ["b", "c"]}


def test_a_graph_that_can_run_is_accepted_and_says_what_it_is() -> None:
    graph = chain("a", "b")
    graph.wait("ask", correlation_key="k:1", kind="human", approves="pay", timeout="15m", answer={"type": "object"})
    graph.tool("pay", "pay", amount=ref("a.amount"), note={"ref": "no reference", "because": "of this"})
    graph.edge("b", "ask", when={"ref": "b.amount", "op": ">", "value": "500"})
    graph.edge("ask", "pay")
    graph.check()
    assert graph.order() == ["a", "b", "ask", "pay"]
    stored = graph.as_dict()
    assert [node["id"] for node in stored["nodes"]] == ["a", "b", "ask", "pay"]
    assert stored["edges"][-1] == {"from": "ask", "to": "pay", "on": "success", "when": None}
    assert stored["nodes"][2]["config"]["timeout"] == 900.0


def test_a_function_decides_in_one_node_for_all_edges_of_its_source() -> None:
    graph = chain("a", "b")
    graph.tool("c", "look")
    graph.edge("a", "c", when=large)
    graph.tool("d", "look", value=ref("a.x"))
    graph.options("a-large", timeout="1s")
    graph.edge("a", "d", unless=large)
    graph.check()
    assert graph.order() == ["a", "b", "a-large", "c", "d"]
    assert graph.nodes["a-large"].config["function"] == "large"
    assert graph.nodes["a-large"].arguments == {"order": {"ref": "a"}}
    assert graph.as_dict()["edges"][1:] == [
        {"from": "a", "to": "a-large", "on": "success", "when": None},
        {"from": "a-large", "to": "c", "on": "success", "when": {"ref": "a-large", "op": "==", "value": True}},
        {"from": "a-large", "to": "d", "on": "success", "when": {"ref": "a-large", "op": "==", "value": False}},
    ]


def test_a_decision_that_finds_no_room_says_which_function_it_is() -> None:
    with pytest.raises(GraphError, match=r"large decides in a node of its own\. Two nodes are called 'a-large'"):
        changed(a_decision_in_a_taken_place)


def test_a_node_may_lead_to_another_on_success_and_on_refusal() -> None:
    graph = chain("a", "b")
    graph.edge("a", "b", on="refused")
    graph.check()


def test_an_approval_may_come_long_before_what_it_approves() -> None:
    graph = TaskGraph()
    graph.wait("ask", correlation_key="k", kind="human", approves="pay")
    graph.tool("between", "look")
    graph.tool("pay", "pay")
    graph.edge("ask", "between")
    graph.edge("between", "pay")
    graph.check()


def test_the_order_keeps_that_of_insertion_where_it_can() -> None:
    graph = TaskGraph()
    for key in ("z", "y", "x"):
        graph.tool(key, "look")
    graph.edge("x", "z")
    assert graph.order() == ["y", "x", "z"]


@given(st.sets(st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda edge: edge[0] < edge[1])))
def test_every_edge_leads_forward_in_the_order(edges: set[tuple[int, int]]) -> None:
    graph = TaskGraph()
    for number in reversed(range(13)):
        graph.tool(f"n{number}", "look")
    for source, target in edges:
        graph.edge(f"n{source}", f"n{target}")
    graph.check()
    place = {key: position for position, key in enumerate(graph.order())}
    assert len(place) == 13
    assert all(place[f"n{source}"] < place[f"n{target}"] for source, target in edges)


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda edge: edge[0] < edge[1])))
def test_a_node_may_read_exactly_what_comes_before_it(edges: set[tuple[int, int]]) -> None:
    before: dict[int, set[int]] = {number: set() for number in range(8)}
    for target in range(8):
        for source in (source for source, each in edges if each == target):
            before[target] |= {source} | before[source]
    for reader in range(8):
        for read in range(8):
            graph = TaskGraph()
            for number in range(8):
                graph.tool(f"n{number}", "look", value=ref(f"n{read}") if number == reader else 0)
            for source, target in edges:
                graph.edge(f"n{source}", f"n{target}")
            if read in before[reader]:
                graph.check()
            else:
                assert code_of(lambda graph=graph: graph) == "GRAPH_REFERENCE_INVALID"  # type: ignore[misc]


@pytest.mark.parametrize("chained", [True, False])
def test_a_graph_of_the_greatest_size_is_checked_in_seconds(chained: bool) -> None:
    graph = TaskGraph()
    graph.tool("n0", "look")
    for number in range(1, MAX_NODES):
        graph.tool(f"n{number}", "look", value=ref("n0"))
        graph.edge(f"n{number - 1}" if chained else "n0", f"n{number}")
    began = time.monotonic()
    graph.check()
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("duration", "expected"),
    [("90s", 90.0), ("15m", 900.0), ("24h", 86400.0), ("7d", 604800.0), (" 1.5h ", 5400.0), (3, 3.0), (0.5, 0.5)],
)
def test_durations_are_seconds(duration: str | float, expected: float) -> None:
    assert seconds(duration) == expected


@pytest.mark.parametrize(
    "duration", ["", "h", "1 h", "-1s", "1e3s", "1w", "0s", "99999999999d", 0, -1, float("nan"), float("inf"), 1e30]
)
def test_what_is_no_duration_is_refused(duration: Any) -> None:
    with pytest.raises(GraphError) as refusal:
        seconds(duration)
    assert refusal.value.code == "DURATION_INVALID"


def test_amounts_are_stored_as_they_were_written() -> None:
    graph = TaskGraph()
    graph.tool("pay", "pay", amount=Decimal("12.50"))
    graph.check()
