"""Fold: what each event says of a job, one after the other, becomes a view of it. Calls nothing, changes nothing."""

from dataclasses import dataclass, field
from typing import Any

from aetheris.core.handlers import Effect
from aetheris.core.priority import USUAL
from jobs.states import NODE_ENDINGS, Ending, JobState, NodeState, NodeType, Outcome
from ledger.event_types import EventType
from ledger.models import Event
from ledger.querysets import is_unreadable
from ledger.states import EntryState
from signals_app.states import WAIT_ENDINGS, WORLD, WaitKind, WaitState
from signals_app.waits import key_of


@dataclass
class NodeView:
    """A node as the events tell it."""

    type: str
    state: str = NodeState.BLOCKED.value
    ending: str = ""
    output: Any = None
    error: Any = None


@dataclass
class WaitView:
    """A wait as the events tell it."""

    node: str
    kind: str
    state: str = WaitState.DECLARED.value


@dataclass
class JobView:
    """A job as its events tell it, up to the last event folded in. `writes`: effect that leaves doubt → its node."""

    goal: str = ""
    priority: int = USUAL
    state: str = JobState.PENDING.value
    outcome: str = ""
    result: Any = None
    error: Any = None
    nodes: dict[str, NodeView] = field(default_factory=dict)
    effects: dict[str, str] = field(default_factory=dict)
    effect_results: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    waits: dict[str, WaitView] = field(default_factory=dict)
    cursor: str = ""
    stopping: bool = False
    doubtful: set[str] = field(default_factory=set)
    writes: dict[str, str] = field(default_factory=dict)
    unreadable: list[int] = field(default_factory=list)

    @property
    def completed(self) -> list[str]:
        """Completed nodes in the order of completion, node zero left out."""
        return [path for path in self.results if self.nodes[path].type != NodeType.PLAN]

    @property
    def payload_results(self) -> dict[str, Any]:
        return {path: self.results[path] for path in self.completed}

    @property
    def phase(self) -> str:
        if self.state in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED):
            return self.state
        return "executing" if len(self.nodes) > 1 else "planning"


def fold(view: JobView, event: Event, payload: dict[str, Any]) -> None:
    try:
        _FOLD[EventType(event.type)](view, payload)
    except (LookupError, TypeError, ValueError, AttributeError):
        view.unreadable.append(event.seq)
    else:
        if is_unreadable(payload):
            view.unreadable.append(event.seq)
        view.cursor = event.node or view.cursor


def _job_created(view: JobView, data: dict[str, Any]) -> None:
    view.goal = data["goal"]
    view.priority = data.get("priority", USUAL)
    view.nodes["plan"] = NodeView(NodeType.PLAN.value)


def _plan_generated(view: JobView, data: dict[str, Any]) -> None:
    """Node zero is done with its plan; a workflow node waits for what it planned."""
    parent = data["node_id"]
    prefix = ""
    if view.nodes[parent].type == NodeType.PLAN:
        _complete(view, parent, None)
    else:
        prefix = f"{parent}/"
        view.nodes[parent].state = NodeState.WAITING.value
    for node in data["task_graph"]["nodes"]:
        view.nodes[prefix + node["id"]] = NodeView(node["type"])
        if "wait_kind" in node["config"]:
            key = key_of(prefix, node["id"], node["config"])
            view.waits[key] = WaitView(prefix + node["id"], node["config"]["wait_kind"])
    if view.stopping:
        _stop(view, data)


def _node_started(view: JobView, data: dict[str, Any]) -> None:
    view.state = JobState.RUNNING.value
    view.nodes[data["node_id"]].state = NodeState.RUNNING.value


def _invocation_started(view: JobView, data: dict[str, Any]) -> None:
    view.effects.setdefault(data["invocation_id"], EntryState.STARTED.value)
    if Effect(data["effect"]).leaves_doubt:
        view.writes[data["invocation_id"]] = data["node_id"]


def _invocation_finished(view: JobView, data: dict[str, Any]) -> None:
    state = {"success": EntryState.COMMITTED, "failure": EntryState.FAILED, "unknown": EntryState.UNKNOWN}
    view.effects[data["invocation_id"]] = state[data["outcome"]].value
    if data["outcome"] == "success":
        view.effect_results[data["invocation_id"]] = data["result"]


def _value_recorded(view: JobView, data: dict[str, Any]) -> None:
    view.effects[data["invocation_id"]] = EntryState.COMMITTED.value
    view.effect_results[data["invocation_id"]] = data["result"]


def _node_finished(view: JobView, data: dict[str, Any]) -> None:
    path = data["node_id"]
    if data["state"] == "ok":
        node = view.nodes[path]
        output = data["output"] if "output" in data else view.effect_results[data["invocation_id"]]
        if node.type == NodeType.LLM:
            output = output["answer"]
        _complete(view, path, output)
        timed_out = data.get("result_type") == "timed_out"
        _end_waits(view, WaitState.TIMED_OUT if timed_out else WaitState.RESOLVED, path)
    elif data["state"] == "skipped":
        view.nodes[path].state = NodeState.SKIPPED.value
        _end_waits(view, WaitState.CANCELLED, path)
    else:
        timed_out = data["error"]["code"] == "WAIT_TIMED_OUT"
        _end_waits(view, WaitState.TIMED_OUT if timed_out else WaitState.CANCELLED, path)
        node = view.nodes[path]
        node.state, node.ending, node.error = NodeState.FAILED.value, data["ending"], data["error"]
        node.output = {"error": data["error"]} if data["handled"] else None


def _node_let_go(view: JobView, data: dict[str, Any]) -> None:
    cancelled = view.stopping and not _in_doubt(view, data["node_id"])
    view.nodes[data["node_id"]].state = (NodeState.CANCELLED if cancelled else NodeState.BLOCKED).value


def _node_retrying(view: JobView, data: dict[str, Any]) -> None:
    view.state = JobState.RETRYING.value
    _node_let_go(view, data)


def _job_waiting(view: JobView, data: dict[str, Any]) -> None:
    view.state = JobState.PARKED.value if data.get("park", True) else JobState.WAITING.value
    if data["wait_kind"] == WaitKind.RESOLUTION and not data["correlation_key"].startswith(WORLD):
        view.doubtful.add(data["node_id"])
    looks_again = data["wait_kind"] == WaitKind.CONDITION
    view.waits[data["correlation_key"]] = WaitView(data["node_id"], data["wait_kind"], WaitState.OPEN.value)
    view.nodes[data["node_id"]].state = (NodeState.BLOCKED if looks_again else NodeState.WAITING).value


def _wait_completed(view: JobView, data: dict[str, Any]) -> None:
    view.state = JobState.PENDING.value
    view.waits[data["correlation_key"]].state = WaitState.RESOLVED.value
    _complete(view, data["node_id"], data["payload"], data["ending"])


def _effect_resolved(view: JobView, data: dict[str, Any]) -> None:
    """The effect is in doubt no more; what was decided is told by the events that follow."""
    view.doubtful.discard(data["node_id"])
    view.waits[data["correlation_key"]].state = WaitState.RESOLVED.value
    view.nodes[data["node_id"]].state = NodeState.BLOCKED.value


def _job_completed(view: JobView, data: dict[str, Any]) -> None:
    view.state, view.outcome, view.result = JobState.COMPLETED.value, data["outcome"], data["result"]


def _job_failed(view: JobView, data: dict[str, Any]) -> None:
    _stop(view, data)
    view.state, view.outcome, view.error = JobState.FAILED.value, Outcome.FAILED.value, data["error"]


def _job_cancelled(view: JobView, data: dict[str, Any]) -> None:
    _stop(view, data)
    view.state, view.outcome = JobState.CANCELLED.value, Outcome.CANCELLED.value


def _job_requeued(view: JobView, data: dict[str, Any]) -> None:
    """The nodes that are named begin anew."""
    view.state, view.outcome, view.error, view.stopping = JobState.PENDING.value, "", None, False
    revived = set(data["nodes"])
    for path in revived:
        node = view.nodes[path]
        node.state, node.ending, node.output, node.error = NodeState.BLOCKED.value, "", None, None
    for wait in view.waits.values():
        if wait.node in revived and wait.kind != WaitKind.RESOLUTION:
            wait.state = WaitState.DECLARED.value


def _stop(view: JobView, data: dict[str, Any]) -> None:
    """The job starts nothing more: whatever neither runs nor is in doubt was cancelled."""
    view.stopping = True
    for path, node in view.nodes.items():
        if node.state not in (*NODE_ENDINGS, NodeState.RUNNING) and not _in_doubt(view, path):
            node.state = NodeState.CANCELLED.value
    _end_waits(view, WaitState.CANCELLED)


def _end_waits(view: JobView, state: WaitState, node: str | None = None) -> None:
    """The waits of a node, or of all, end; questions about effects are answered, and not ended so."""
    for key, wait in view.waits.items():
        about_an_effect = wait.kind == WaitKind.RESOLUTION and not key.startswith(WORLD)
        if wait.state not in WAIT_ENDINGS and not about_an_effect and node in (None, wait.node):
            wait.state = state.value


def _in_doubt(view: JobView, path: str) -> bool:
    """Whether an effect of this node may have happened: then it is shown, and not cancelled."""
    open_writes = (node for key, node in view.writes.items() if view.effects[key] == EntryState.STARTED)
    return path in view.doubtful or path in open_writes


def _complete(view: JobView, path: str, output: Any, ending: str = Ending.SUCCESS.value) -> None:
    node = view.nodes[path]
    node.state, node.ending, node.output = NodeState.COMPLETED.value, ending, output
    view.results[path] = output


_FOLD = {
    EventType.JOB_CREATED: _job_created,
    EventType.PLAN_GENERATED: _plan_generated,
    EventType.NODE_STARTED: _node_started,
    EventType.NODE_FINISHED: _node_finished,
    EventType.NODE_RECLAIMED: _node_let_go,
    EventType.NODE_RETRYING: _node_retrying,
    EventType.TOOL_INVOCATION_STARTED: _invocation_started,
    EventType.TOOL_INVOCATION_FINISHED: _invocation_finished,
    EventType.LLM_INVOCATION_STARTED: _invocation_started,
    EventType.LLM_INVOCATION_FINISHED: _invocation_finished,
    EventType.JOB_WAITING: _job_waiting,
    EventType.WAIT_COMPLETED: _wait_completed,
    EventType.VALUE_RECORDED: _value_recorded,
    EventType.EFFECT_RESOLVED: _effect_resolved,
    EventType.JOB_COMPLETED: _job_completed,
    EventType.JOB_FAILING: _stop,
    EventType.JOB_FAILED: _job_failed,
    EventType.JOB_CANCEL_REQUESTED: _stop,
    EventType.JOB_CANCELLED: _job_cancelled,
    EventType.JOB_REQUEUED: _job_requeued,
}
