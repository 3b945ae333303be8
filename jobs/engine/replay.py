"""Replay: rebuild a job's state from its events alone. Calls nothing, changes nothing."""

from collections.abc import Iterator
from typing import Any

from aetheris.core.canonical import shown
from jobs.engine.fold import JobView, NodeView, fold
from jobs.models import Body, Job, Node
from jobs.states import NodeState
from ledger.event_types import Category, EventType
from ledger.models import Event
from signals_app.models import Wait

DECIDING = (Category.HISTORY, Category.COORDINATION, Category.EFFECT, Category.LEDGER)


def replay(events: list[Event], payloads: list[dict[str, Any]], until: str = "") -> JobView:
    """Fold events and their whole payloads into a view; with `until`, a node's path, stop before its start.

    An event that somebody altered so that it cannot be read is left out and named in `unreadable`.
    """
    view = JobView()
    for event, payload in zip(events, payloads, strict=True):
        if until and event.node == until and event.type in (EventType.NODE_STARTED, EventType.JOB_WAITING):
            break
        if event.category in DECIDING:
            fold(view, event, payload)
    return view


def walked(events: list[Event], payloads: list[dict[str, Any]]) -> Iterator[tuple[Event, JobView]]:
    """Each event that decides state with the view after it; it is one view, which goes on changing."""
    view = JobView()
    for event, payload in zip(events, payloads, strict=True):
        if event.category in DECIDING:
            fold(view, event, payload)
            yield event, view


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
    compare("waits", {key: wait.state for key, wait in view.waits.items()}, Wait.objects.states(job.pk))
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
