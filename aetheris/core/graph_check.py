"""The check of a whole plan, before it is stored: what cannot run is refused with a stable code."""

import re
from typing import TYPE_CHECKING

from aetheris.core.answers import schema_problem
from aetheris.core.canonical import dumps
from aetheris.core.errors import GraphError, NotCanonical, storable
from aetheris.core.references import check_condition, references, source_of

if TYPE_CHECKING:
    from aetheris.core.graph import EdgeSpec, NodeSpec, TaskGraph

CORRELATION_KEY = re.compile(r"[A-Za-z0-9._:-]{1,200}")
MAX_NODES = 20_000
TIMER_KEYS = "timer:"
CONDITION_KEYS = "condition:"
RESERVED_CORRELATION_KEYS = ("resolution:", "world:", TIMER_KEYS, CONDITION_KEYS)
NODE_TYPES = ("tool", "llm", "function", "step", "workflow", "wait")
LONGEST_QUEUE = 63
OWN_KEYS = {"timer": TIMER_KEYS, "condition": CONDITION_KEYS}
WAIT_KINDS = ("human", "approval", "signal", "webhook", "message", "timer", "condition")
PEOPLE = ("human", "approval")
TIMEOUTS = ("fail", "continue", "branch")
EDGE_ENDINGS = ("success", "refused", "error", "timeout")


def check(graph: "TaskGraph") -> None:
    """Raise `GraphError` unless the graph can be stored and run: nodes, edges, no cycle, references only to
    ancestors, answers that a schema can be held against, approvals that come before what they approve."""
    if not graph.nodes:
        raise GraphError("The plan has no nodes; add at least one.", code="GRAPH_EMPTY")
    if len(graph.nodes) > MAX_NODES:
        raise GraphError(f"A job has at most {MAX_NODES} nodes.", code="GRAPH_TOO_LARGE")
    if graph.output and graph.output not in graph.nodes:
        raise GraphError(f"The graph's output is {graph.output!r}, which is no node.", code="GRAPH_OUTPUT_INVALID")
    _check_edges(graph)
    ancestry = _Ancestry(graph.order(), graph.edges)
    _check_values(graph)
    _check_references(graph, ancestry)
    _check_waits(graph, ancestry)


def _check_edges(graph: "TaskGraph") -> None:
    seen = set()
    for edge in graph.edges:
        for end in (edge.source, edge.target):
            if end not in graph.nodes:
                raise GraphError(f"An edge names {end!r}, which is no node.", code="GRAPH_EDGE_UNKNOWN")
        if edge.on not in EDGE_ENDINGS:
            raise GraphError(
                f"An edge leads on {' or '.join(EDGE_ENDINGS)}, not {edge.on!r}.",
                code="GRAPH_EDGE_INVALID",
            )
        if (identity := (edge.source, edge.target, edge.on)) in seen:
            raise GraphError(f"The edge {edge.source} → {edge.target} stands twice.", code="GRAPH_EDGE_REPEATED")
        seen.add(identity)
        if edge.when is not None:
            check_condition(edge.when, edge.source)


def _check_values(graph: "TaskGraph") -> None:
    try:
        dumps(graph.as_dict())
    except NotCanonical as error:
        raise GraphError(f"The plan cannot be stored. {error.message}", code="GRAPH_VALUE_INVALID") from error
    for node in graph.nodes.values():
        queue = str(node.config.get("options", {}).get("queue", ""))
        if node.type not in NODE_TYPES or len(queue) > LONGEST_QUEUE:
            raise GraphError(
                f"Node {node.key!r}: types are {', '.join(NODE_TYPES)}; a queue has at most {LONGEST_QUEUE} letters.",
                code="GRAPH_VALUE_INVALID",
            )
        answer = node.arguments.get("answer") if node.type == "llm" else node.config.get("answer")
        if answer is not None and (problem := schema_problem(answer)):
            raise GraphError(
                f"What {node.key!r} takes as answer is no JSON Schema: {problem}", code="GRAPH_SCHEMA_INVALID"
            )


def _check_references(graph: "TaskGraph", ancestry: "_Ancestry") -> None:
    for key, node in graph.nodes.items():
        read = {source_of(reference) for reference in references(node.arguments)}
        if missing := ancestry.missing(key, read):
            raise GraphError(
                f"Node {key!r} reads {', '.join(sorted(missing))}, which does not come before it; add an edge.",
                code="GRAPH_REFERENCE_INVALID",
            )


def _check_waits(graph: "TaskGraph", ancestry: "_Ancestry") -> None:
    keys: set[str] = set()
    for node in (node for node in graph.nodes.values() if "wait_kind" in node.config):
        _check_correlation_key(node, keys)
        _check_wait(node)
        approves = node.config["approves"]
        if approves and (approves not in graph.nodes or graph.nodes[approves].type != "tool"):
            raise GraphError(f"{node.key!r} approves {approves!r}, which is no tool node.", code="GRAPH_WAIT_INVALID")
        if approves and ancestry.missing(approves, {node.key}):
            raise GraphError(
                f"{node.key!r} approves {approves!r}, which does not come after it; add an edge.",
                code="GRAPH_WAIT_INVALID",
            )


def _check_correlation_key(node: "NodeSpec", keys: set[str]) -> None:
    correlation_key = str(node.config["correlation_key"])
    if not CORRELATION_KEY.fullmatch(correlation_key) or correlation_key in keys:
        raise GraphError(
            f"The correlation key of {node.key!r} is unique: 1 to 200 letters, digits or any of . _ : -",
            code="GRAPH_CORRELATION_KEY_INVALID",
        )
    own = OWN_KEYS.get(node.config["wait_kind"], "")
    if correlation_key.startswith(RESERVED_CORRELATION_KEYS) and not (own and correlation_key.startswith(own)):
        raise GraphError(
            f"Correlation keys that begin with {' or '.join(RESERVED_CORRELATION_KEYS)} are the runtime's own.",
            code="GRAPH_CORRELATION_KEY_INVALID",
        )
    keys.add(correlation_key)


def _check_wait(node: "NodeSpec") -> None:
    if until := node.config.get("until"):
        check_condition(until["when"], node.key)
    kind, on_timeout = node.config["wait_kind"], node.config["on_timeout"]
    if kind not in WAIT_KINDS or on_timeout not in TIMEOUTS:
        raise GraphError(
            f"A wait is of kind {', '.join(WAIT_KINDS)}, and its timeout may {', '.join(TIMEOUTS)}.",
            code="GRAPH_WAIT_INVALID",
        )
    if node.config["approves"] and kind not in PEOPLE:
        raise GraphError(
            f"{node.key!r} approves {node.config['approves']!r}: only people do; make its kind {' or '.join(PEOPLE)}.",
            code="GRAPH_WAIT_INVALID",
        )
    if node.config["reason"] != storable(node.config["reason"]):
        raise GraphError(f"The reason of {node.key!r} holds NUL; remove it.", code="GRAPH_VALUE_INVALID")
    if kind == "timer" and node.config["timeout"] is None:
        raise GraphError(f"{node.key!r} is a timer without a time; nothing would end it.", code="GRAPH_WAIT_INVALID")
    if kind in PEOPLE and on_timeout == "continue":
        raise GraphError(
            f"{node.key!r} waits for a person; silence is no consent, so its timeout may fail or branch.",
            code="GRAPH_WAIT_INVALID",
        )


class _Ancestry:
    """Which nodes come before which: for each node a number that has one bit for each place in the order."""

    def __init__(self, order: list[str], edges: "list[EdgeSpec]") -> None:
        self._place = {key: place for place, key in enumerate(order)}
        self._before = dict.fromkeys(order, 0)
        for edge in sorted(edges, key=lambda edge: self._place[edge.target]):
            self._before[edge.target] |= self._before[edge.source] | 1 << self._place[edge.source]

    def missing(self, key: str, wanted: set[str]) -> set[str]:
        """Those of `wanted` that are no ancestors of `key`."""
        return {each for each in wanted if each not in self._place or not self._before[key] >> self._place[each] & 1}
