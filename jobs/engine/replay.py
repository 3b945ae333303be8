"""Replay: rebuild a job's state from its events alone. Calls nothing, changes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aetheris.core.canonical import shown
from aetheris.core.handlers import Effect
from aetheris.core.priority import USUAL
from jobs.models import Body, Job, Node
from jobs.states import NODE_ENDINGS, Ending, JobState, NodeState, NodeType, Outcome
from ledger.event_types import Category, EventType
from ledger.models import Event
from ledger.querysets import is_unreadable
from ledger.states import EntryState
from signals_app.states import WORLD, WaitKind

DECIDING = (Category.HISTORY, Category.COORDINATION, Category.EFFECT, Category.LEDGER)


@dataclass
class NodeView:
    """A node as the events tell it."""

    type: str
    state: str = NodeState.BLOCKED.value
    ending: str = ""
    output: Any = None
    error: Any = None


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


def replay(events: list[Event], payloads: list[dict[str, Any]], until: str = "") -> JobView:
    """Fold events and their whole payloads into a view; with `until`, a node's path, stop before its start.

    An event that somebody altered so that it cannot be read is left out and named in `unreadable`.
    """
    view = JobView()
    for event, payload in zip(events, payloads, strict=True):
        if until and event.node == until and event.type in (EventType.NODE_STARTED, EventType.JOB_WAITING):
            break
        if event.category in DECIDING:
            _fold(view, event, payload)
    return view


def walked(events: list[Event], payloads: list[dict[str, Any]]) -> Iterator[tuple[Event, JobView]]:
    """Each event that decides state with the view after it; it is one view, which goes on changing."""
    view = JobView()
    for event, payload in zip(events, payloads, strict=True):
        if event.category in DECIDING:
            _fold(view, event, payload)
            yield event, view


def _fold(view: JobView, event: Event, payload: dict[str, Any]) -> None:
    try:
        _FOLD[EventType(event.type)](view, payload)
    except (LookupError, TypeError, ValueError, AttributeError):
        view.unreadable.append(event.seq)
    else:
        if is_unreadable(payload):
            view.unreadable.append(event.seq)
        view.cursor = event.node or view.cursor


def differences(
    view: JobView, job: Job, nodes: list[Node], entries: dict[str, tuple[str, str | None]]
) -> list[dict[str, Any]]:
    """Field by field, where the rows are not what the events tell, and every event that cannot be read.

    `entries` maps idempotency key to state and result.
    """
    stored_forms = (job.result, *(node.output for node in nodes), *(result for _, result in entries.values()))
    texts = Body.objects.texts(job.pk, [form for form in stored_forms if form])
    found = [{"field": f"event.{seq}", "replayed": None, "stored": "unreadable"} for seq in view.unreadable]

    def value(stored: str | None) -> Any:
        return None if stored is None else shown(texts.get(stored, stored))

    def compare(where: str, replayed: Any, stored: Any) -> None:
        if replayed != stored:
            found.append({"field": where, "replayed": replayed, "stored": stored})

    compare("job.goal", view.goal, job.goal)
    compare("job.priority", view.priority, job.priority)
    if job.is_final or view.phase == view.state:
        compare("job.state", view.state, job.state)
    compare("job.outcome", view.outcome, job.outcome)
    compare("job.result", view.result, value(job.result))
    compare("job.error", view.error, job.error_value if job.is_final else None)
    compare("nodes", sorted(map(str, view.nodes)), sorted(node.path for node in nodes))
    compare("effects", view.effects, {key: state for key, (state, _) in entries.items()})
    for key, (_, result) in entries.items():
        compare(f"{key}.result", view.effect_results.get(key), value(result))
    for node in nodes:
        replayed = view.nodes.get(node.path, NodeView(node.type))
        compare(f"{node.path}.state", replayed.state, _comparable(node.state))
        compare(f"{node.path}.ending", replayed.ending, node.ending)
        compare(f"{node.path}.error", replayed.error, node.error_value)
        compare(f"{node.path}.output", replayed.output, value(node.output))
    return found


def _comparable(state: str) -> str:
    """Events do not say whether an unstarted node is blocked or ready; both mean: not begun."""
    return NodeState.BLOCKED.value if state == NodeState.READY else state


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
    elif data["state"] == "skipped":
        view.nodes[path].state = NodeState.SKIPPED.value
    else:
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
    view.nodes[data["node_id"]].state = (NodeState.BLOCKED if looks_again else NodeState.WAITING).value


def _wait_completed(view: JobView, data: dict[str, Any]) -> None:
    view.state = JobState.PENDING.value
    _complete(view, data["node_id"], data["payload"], data["ending"])


def _effect_resolved(view: JobView, data: dict[str, Any]) -> None:
    """The effect is in doubt no more; what was decided is told by the events that follow."""
    view.doubtful.discard(data["node_id"])
    view.nodes[data["node_id"]].state = NodeState.BLOCKED.value


def _job_completed(view: JobView, data: dict[str, Any]) -> None:
    view.state, view.outcome, view.result = JobState.COMPLETED.value, data["outcome"], data["result"]


def _job_failed(view: JobView, data: dict[str, Any]) -> None:
    _stop(view, data)
    view.state, view.outcome, view.error = JobState.FAILED.value, Outcome.FAILED.value, data["error"]


def _job_cancelled(view: JobView, data: dict[str, Any]) -> None:
    _stop(view, data)
    view.state, view.outcome = JobState.CANCELLED.value, Outcome.CANCELLED.value


def _stop(view: JobView, data: dict[str, Any]) -> None:
    """The job starts nothing more: whatever neither runs nor is in doubt was cancelled."""
    view.stopping = True
    for path, node in view.nodes.items():
        if node.state not in (*NODE_ENDINGS, NodeState.RUNNING) and not _in_doubt(view, path):
            node.state = NodeState.CANCELLED.value


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
}
