"""TaskGraph: the plan of a job as data. Built by an agent's `plan`, checked once, stored, never planned again."""

import re
from dataclasses import dataclass, field
from typing import Any

from aetheris.core import graph_check
from aetheris.core.canonical import dumps, loads
from aetheris.core.durations import seconds
from aetheris.core.errors import GraphError, NotCanonical
from aetheris.core.handlers import Function, Step, Tool
from aetheris.core.references import ref
from aetheris.core.retry import RetryPolicy

KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
PLAN = "plan"


@dataclass(frozen=True)
class NodeSpec:
    """One node: its key, its type (tool, llm, step, function, workflow, wait) and its configuration as JSON data."""

    key: str
    type: str
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(self.config.get("arguments", {}))


@dataclass(frozen=True)
class EdgeSpec:
    """One edge. It is taken when `source` ends as `on` says (success, refused, error, timeout) and, if there is a
    condition, that holds."""

    source: str
    target: str
    on: str = "success"
    when: dict[str, Any] | None = None


class TaskGraph:
    """Nodes and edges. Every method that adds something returns the key of the node it added.

    Raises `GraphError` with a stable code at the first thing that is wrong; `check` looks at the whole.
    """

    def __init__(self, output: str = "") -> None:
        self.output = output
        self.nodes: dict[str, NodeSpec] = {}
        self.edges: list[EdgeSpec] = []
        self._decisions: dict[str, tuple[str, str]] = {}

    def tool(self, key: str, tool: Tool | str, **arguments: Any) -> str:
        """A node that calls a declared tool. Arguments are constants or `ref(…)`s."""
        return self._add(key, "tool", tool=_name(tool), arguments=arguments)

    def function(self, key: str, function: Function | str, **arguments: Any) -> str:
        """A node that runs a registered pure function."""
        return self._add(key, "function", function=_name(function), arguments=arguments)

    def workflow(self, key: str, function: Function | str, **arguments: Any) -> str:
        """A node whose registered pure function answers with a `TaskGraph`, which runs under it as `key/…`. Its
        output is that graph's: of the sink that `TaskGraph(output=…)` names, else of its one sink, else of each."""
        return self._add(key, "workflow", function=_name(function), arguments=arguments)

    def step(self, key: str, step: Step | str, **arguments: Any) -> str:
        """A node that runs a registered step: code with several effects, each recorded."""
        return self._add(key, "step", step=_name(step), arguments=arguments)

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
        on_timeout: str = "fail",
        channel: str = "",
    ) -> str:
        """A node that waits for an answer. `human` waits are answered only by a person who may decide.

        `approves` names the tool node whose exact arguments are to be approved. `timeout` is in seconds or
        like `"24h"`; when it passes, `on_timeout` says what follows: `fail`, `continue` (the node completes with
        `{"timed_out": true}`; never for people) or `branch` (only edges on "timeout" lead on). `answer` is a JSON
        Schema for the answer. A wait of kind `message` takes the oldest message of its `channel`, or one that was
        sent to its correlation key.
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
            on_timeout=on_timeout,
            channel=channel,
        )

    def sleep(self, key: str, duration: str | float) -> str:
        """A node that lets time pass, seconds or like `"3d"`, and holds no worker meanwhile."""
        return self._add(
            key,
            "wait",
            wait_kind="timer",
            correlation_key=f"{graph_check.TIMER_KEYS}{key}",
            park=True,
            timeout=seconds(duration),
            reason="",
            approves="",
            answer=None,
            on_timeout="continue",
            channel="",
        )

    def until(
        self,
        key: str,
        tool: Tool | str,
        *,
        when: dict[str, Any],
        every: str | float = "30s",
        timeout: str | float | None = "24h",
        on_timeout: str = "fail",
        park: bool = True,
        reason: str = "",
        **arguments: Any,
    ) -> str:
        """A node that calls a `read` tool again and again, `every` so often, until the condition `when` holds for
        what it answers: its output is that answer. `timeout` and `on_timeout` are as those of `wait`."""
        return self._add(
            key,
            "tool",
            tool=_name(tool),
            arguments=arguments,
            until={"when": when, "every": seconds(every)},
            wait_kind="condition",
            correlation_key=f"{graph_check.CONDITION_KEYS}{key}",
            park=park,
            timeout=None if timeout is None else seconds(timeout),
            reason=reason,
            approves="",
            answer=None,
            on_timeout=on_timeout,
            channel="",
        )

    def options(
        self,
        key: str,
        *,
        retry: RetryPolicy | None = None,
        timeout: str | float | None = None,
        queue: str = "",
    ) -> None:
        """How a node is run, where that differs from what its tool declares: its retries, its time limit for one
        try (seconds or like `"30s"`), its queue."""
        if key not in self.nodes:
            raise GraphError(f"There is no node {key!r} to set options of; add it first.", code="GRAPH_KEY_INVALID")
        if retry is not None:
            retry.check()
        self.nodes[key].config["options"] = {
            "retry": None if retry is None else retry.as_dict(),
            "timeout": None if timeout is None else seconds(timeout),
            "queue": queue,
        }

    def edge(
        self,
        source: str,
        target: str,
        *,
        on: str = "success",
        when: dict[str, Any] | Function | None = None,
        unless: Function | None = None,
    ) -> None:
        """Lead from `source` to `target`; `on="refused"` leads on after a person said no,
        `on="error"` after the source failed, `on="timeout"` after nobody answered it in time.

        `when` is a condition on the source's output: data, or a registered pure function that is given the output and
        answers true or false. Such a function runs as the node `<source>-<function>`, once for all edges of its
        source; an edge with `unless` is taken when it answers false.
        """
        if isinstance(when, Function) or unless is not None:
            source, when = self._decide(source, on, when, unless)
        self.edges.append(EdgeSpec(source, target, on, when))

    def check(self) -> None:
        """Raise `GraphError` unless the graph can be stored and run (`aetheris.core.graph_check`)."""
        graph_check.check(self)

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

    def _decide(self, source: str, on: str, when: Any, unless: Any) -> tuple[str, dict[str, Any]]:
        """The node in which a function decides, and what its output is when the edge is taken."""
        function = when if unless is None else unless
        if on != "success" or not isinstance(function, Function) or (when is not None and unless is not None):
            raise GraphError(
                "An edge on success is decided by one function, either `when` or `unless`; on other endings by data.",
                code="GRAPH_CONDITION_INVALID",
            )
        if len(function.signature.names) != 1:
            raise GraphError(
                f"{function.name} decides over an edge, so it takes one argument, the output of {source!r}.",
                code="GRAPH_CONDITION_INVALID",
            )
        key = f"{source}-{function.name}"
        if self._decisions.get(key) != (source, function.name):
            self._add_decision(key, source, function)
        return key, {"ref": key, "op": "==", "value": unless is None}

    def _add_decision(self, key: str, source: str, function: Function) -> None:
        arguments = {function.signature.names[0]: ref(source)}
        try:
            self._add(key, "function", function=function.name, arguments=arguments, decides=True)
        except GraphError as error:
            raise GraphError(
                f"{function.name} decides in a node of its own. {error.message}", code=error.code
            ) from error
        self._decisions[key] = (source, function.name)
        self.edges.append(EdgeSpec(source, key))

    def _add(self, key: str, node_type: str, **config: Any) -> str:
        if not KEY.fullmatch(key) or key == PLAN:
            raise GraphError(
                f"{key!r} is no node key: use 1 to 64 letters, digits, '_' or '-', and not {PLAN!r}.",
                code="GRAPH_KEY_INVALID",
            )
        if key in self.nodes:
            raise GraphError(f"Two nodes are called {key!r}; keys are unique.", code="GRAPH_KEY_REPEATED")
        try:
            # What is checked now is what is stored later: a generator, say, is read once, here.
            plain = loads(dumps(config))
        except NotCanonical as error:
            raise GraphError(f"Node {key!r} cannot be stored. {error.message}", code="GRAPH_VALUE_INVALID") from error
        self.nodes[key] = NodeSpec(key, node_type, plain)
        return key


def _name(handler: Tool | Function | Step | str) -> str:
    return handler if isinstance(handler, str) else handler.name
