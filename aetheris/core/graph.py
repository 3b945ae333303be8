"""TaskGraph: the plan of a job as data. Built by an agent's `plan`, checked once, stored, never planned again."""

import re
from dataclasses import dataclass, field
from typing import Any

from aetheris.core.answers import schema_problem
from aetheris.core.canonical import dumps
from aetheris.core.errors import GraphError, NotCanonical
from aetheris.core.handlers import Function, Tool
from aetheris.core.references import check_condition, references, source_of

KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
CORRELATION_KEY = re.compile(r"[A-Za-z0-9._:-]{1,200}")
PLAN = "plan"
MAX_NODES = 20_000
LONGEST_SECONDS = 3650 * 86400.0
RESERVED_CORRELATION_KEYS = "resolution:"
WAIT_KINDS = ("human", "signal")
EDGE_ENDINGS = ("success", "refused")


@dataclass(frozen=True)
class NodeSpec:
    """One node: its key, its type (tool, llm, wait, function) and its configuration as JSON data."""

    key: str
    type: str
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(self.config.get("arguments", {}))


@dataclass(frozen=True)
class EdgeSpec:
    """One edge. It is taken when `source` ends as `on` says and, if there is a condition, that holds."""

    source: str
    target: str
    on: str = "success"
    when: dict[str, Any] | None = None


class TaskGraph:
    """Nodes and edges. Every method that adds something returns the key of the node it added.

    Raises `GraphError` with a stable code at the first thing that is wrong; `check` looks at the whole.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, NodeSpec] = {}
        self.edges: list[EdgeSpec] = []

    def tool(self, key: str, tool: Tool | str, **arguments: Any) -> str:
        """A node that calls a declared tool. Arguments are constants or `ref(…)`s."""
        return self._add(key, "tool", tool=_name(tool), arguments=arguments)

    def function(self, key: str, function: Function | str, **arguments: Any) -> str:
        """A node that runs a registered pure function."""
        return self._add(key, "function", function=_name(function), arguments=arguments)

    def llm(
        self,
        key: str,
        prompt: str,
        *,
        inputs: dict[str, Any] | None = None,
        answer: dict[str, Any] | None = None,
        model: str = "",
        temperature: float = 0.0,
    ) -> str:
        """A node that asks a model once. With `answer`, a JSON Schema, its output is the JSON object that the
        model answered, checked; without, `{"text": …}`. `model` is `provider:model`, by default the setting's."""
        return self._add(
            key,
            "llm",
            arguments={
                "prompt": prompt,
                "inputs": inputs or {},
                "answer": answer,
                "model": model,
                "temperature": temperature,
            },
        )

    def wait(
        self,
        key: str,
        *,
        correlation_key: str,
        kind: str = "signal",
        park: bool = True,
        timeout: str | float | None = "24h",
        reason: str = "",
        approves: str = "",
        answer: dict[str, Any] | None = None,
    ) -> str:
        """A node that waits for an answer. `human` waits are answered only by a person who may decide.

        `approves` names the tool node whose exact arguments are to be approved. `timeout` is in seconds or
        like `"24h"`; when it passes the node fails. `answer` is a JSON Schema for the answer.
        """
        return self._add(
            key,
            "wait",
            wait_kind=kind,
            correlation_key=correlation_key,
            park=park,
            timeout=None if timeout is None else seconds(timeout),
            reason=reason,
            approves=approves,
            answer=answer,
        )

    def edge(self, source: str, target: str, *, on: str = "success", when: dict[str, Any] | None = None) -> None:
        """Lead from `source` to `target`; `on="refused"` leads on after a person said no."""
        self.edges.append(EdgeSpec(source, target, on, when))

    def check(self) -> None:
        """Raise `GraphError` unless the graph can be stored and run: nodes, edges, no cycle, references only to
        ancestors, answers that a schema can be held against, approvals that come before what they approve."""
        if not self.nodes:
            raise GraphError("The plan has no nodes; add at least one.", code="GRAPH_EMPTY")
        if len(self.nodes) > MAX_NODES:
            raise GraphError(f"A job has at most {MAX_NODES} nodes.", code="GRAPH_TOO_LARGE")
        self._check_edges()
        ancestry = _Ancestry(self.order(), self.edges)
        self._check_values()
        self._check_references(ancestry)
        self._check_waits(ancestry)

    def order(self) -> list[str]:
        """Keys in topological order, ties in the order of insertion (Kahn). Raises `GRAPH_CYCLIC`."""
        unmet = dict.fromkeys(self.nodes, 0)
        followers: dict[str, list[str]] = {key: [] for key in self.nodes}
        for edge in self.edges:
            unmet[edge.target] += 1
            followers[edge.source].append(edge.target)
        ready = [key for key, count in unmet.items() if count == 0]
        for key in ready:
            for follower in followers[key]:
                unmet[follower] -= 1
                if unmet[follower] == 0:
                    ready.append(follower)
        if len(ready) < len(self.nodes):
            stuck = sorted(set(self.nodes) - set(ready))
            raise GraphError(
                f"The plan has a cycle through {', '.join(stuck[:10])}; remove an edge.",
                code="GRAPH_CYCLIC",
                details={"nodes": stuck[:100]},
            )
        return ready

    def as_dict(self) -> dict[str, Any]:
        """The stored form: `{"nodes": [{"id", "type", "config"}], "edges": [{"from", "to", "on", "when"}]}`."""
        return {
            "nodes": [{"id": node.key, "type": node.type, "config": node.config} for node in self.nodes.values()],
            "edges": [{"from": e.source, "to": e.target, "on": e.on, "when": e.when} for e in self.edges],
        }

    def _add(self, key: str, node_type: str, **config: Any) -> str:
        if not KEY.fullmatch(key) or key == PLAN:
            raise GraphError(
                f"{key!r} is no node key: use 1 to 64 letters, digits, '_' or '-', and not {PLAN!r}.",
                code="GRAPH_KEY_INVALID",
            )
        if key in self.nodes:
            raise GraphError(f"Two nodes are called {key!r}; keys are unique.", code="GRAPH_KEY_REPEATED")
        self.nodes[key] = NodeSpec(key, node_type, config)
        return key

    def _check_edges(self) -> None:
        seen = set()
        for edge in self.edges:
            for end in (edge.source, edge.target):
                if end not in self.nodes:
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

    def _check_values(self) -> None:
        try:
            dumps(self.as_dict())
        except NotCanonical as error:
            raise GraphError(f"The plan cannot be stored. {error.message}", code="GRAPH_VALUE_INVALID") from error
        for node in self.nodes.values():
            answer = node.arguments.get("answer") if node.type == "llm" else node.config.get("answer")
            if answer is not None and (problem := schema_problem(answer)):
                raise GraphError(
                    f"What {node.key!r} takes as answer is no JSON Schema: {problem}", code="GRAPH_SCHEMA_INVALID"
                )

    def _check_references(self, ancestry: "_Ancestry") -> None:
        for key, node in self.nodes.items():
            read = {source_of(reference) for reference in references(node.arguments)}
            if missing := ancestry.missing(key, read):
                raise GraphError(
                    f"Node {key!r} reads {', '.join(sorted(missing))}, which does not come before it; add an edge.",
                    code="GRAPH_REFERENCE_INVALID",
                )

    def _check_waits(self, ancestry: "_Ancestry") -> None:
        keys = set()
        for node in (node for node in self.nodes.values() if node.type == "wait"):
            correlation_key = str(node.config["correlation_key"])
            if not CORRELATION_KEY.fullmatch(correlation_key) or correlation_key in keys:
                raise GraphError(
                    f"The correlation key of {node.key!r} is unique: 1 to 200 letters, digits or any of . _ : -",
                    code="GRAPH_CORRELATION_KEY_INVALID",
                )
            if correlation_key.startswith(RESERVED_CORRELATION_KEYS):
                raise GraphError(
                    f"Correlation keys that begin with {RESERVED_CORRELATION_KEYS!r} are the runtime's own.",
                    code="GRAPH_CORRELATION_KEY_INVALID",
                )
            keys.add(correlation_key)
            if node.config["wait_kind"] not in WAIT_KINDS:
                raise GraphError(f"A wait is of kind {' or '.join(WAIT_KINDS)}.", code="GRAPH_WAIT_INVALID")
            approves = node.config["approves"]
            if approves and (approves not in self.nodes or self.nodes[approves].type != "tool"):
                raise GraphError(
                    f"{node.key!r} approves {approves!r}, which is no tool node.", code="GRAPH_WAIT_INVALID"
                )
            if approves and ancestry.missing(approves, {node.key}):
                raise GraphError(
                    f"{node.key!r} approves {approves!r}, which does not come after it; add an edge.",
                    code="GRAPH_WAIT_INVALID",
                )


class _Ancestry:
    """Which nodes come before which: for each node a number that has one bit for each place in the order."""

    def __init__(self, order: list[str], edges: list[EdgeSpec]) -> None:
        self._place = {key: place for place, key in enumerate(order)}
        self._before = dict.fromkeys(order, 0)
        for edge in sorted(edges, key=lambda edge: self._place[edge.target]):
            self._before[edge.target] |= self._before[edge.source] | 1 << self._place[edge.source]

    def missing(self, key: str, wanted: set[str]) -> set[str]:
        """Those of `wanted` that are no ancestors of `key`."""
        return {each for each in wanted if each not in self._place or not self._before[key] >> self._place[each] & 1}


def seconds(duration: str | float) -> float:
    """`"90s"`, `"15m"`, `"24h"`, `"7d"` or a number of seconds, as seconds. Raises `GraphError`."""
    if isinstance(duration, str):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", duration.strip())
        if match is None:
            raise GraphError(
                f"{duration!r} is no duration; write it like 30s, 15m, 24h or 7d.", code="DURATION_INVALID"
            )
        duration = float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]
    if not 0 < duration <= LONGEST_SECONDS:
        raise GraphError("A duration is more than zero seconds, and at most ten years.", code="DURATION_INVALID")
    return float(duration)


def _name(handler: Tool | Function | str) -> str:
    return handler if isinstance(handler, str) else handler.name
