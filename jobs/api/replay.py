"""The replay answer: state rebuilt from events, and how it compares with the rows."""

from typing import Any

from aetheris.core.errors import Refused
from jobs.api import representation
from jobs.engine.fold import JobView
from jobs.engine.replay import differences, replay
from jobs.models import Job, Node
from ledger.models import Entry, Event
from ledger.proof import broken_at
from ledger.states import EntryState


def replay_answer(job: Job, step_node_id: str) -> dict[str, Any]:
    """Raises `Refused` (`NODE_NOT_FOUND`) for a step that the job does not have."""
    events = list(Event.objects.stream(job.pk))
    payloads = Event.objects.told(job.pk, events)
    view = replay(events, payloads)
    answer = {
        "job_id": job.pk,
        "goal": view.goal,
        "read_only": True,
        "timeline": [_line(event) for event in events],
        "current_state": {
            "completed_node_ids": view.completed,
            "cursor_node": view.cursor,
            "phase": view.phase,
            "status": view.state,
            "outcome": view.outcome,
        },
        "payload_results": view.payload_results,
        "result": view.result,
        "completed_command_ids": [key for key, state in view.effects.items() if state == EntryState.COMMITTED],
        "events": representation.events(events, payloads, b""),
        "verification": _verification(job, events, view),
    }
    if step_node_id:
        answer["step_replay"] = _step(events, payloads, view, step_node_id)
    return answer


def _verification(job: Job, events: list[Event], view: JobView) -> dict[str, Any]:
    broken = broken_at(events, bytes(job.head))
    found = differences(view, job, list(Node.objects.of_job(job.pk)), Entry.objects.states(job.pk))
    return {"chain_valid": broken is None, "broken_at": broken, "consistent": not found, "differences": found}


def _step(events: list[Event], payloads: list[dict[str, Any]], view: JobView, path: str) -> dict[str, Any]:
    if path not in view.nodes:
        raise Refused(f"The job has no node {path!r}.", code="NODE_NOT_FOUND")
    before = replay(events, payloads, until=path)
    return {
        "step_node_id": path,
        "state_at_step": before.payload_results,
        "step_result": view.nodes[path].output,
    }


def _line(event: Event) -> dict[str, Any]:
    return {"seq": event.seq, "at": event.at, "type": event.type, "node_id": event.node, "actor": event.actor}
