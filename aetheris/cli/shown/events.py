"""Events of a job as lines of progress: what a person wants to be told while it happens."""

from collections.abc import Callable
from typing import Any

from rich.text import Text

from aetheris.cli.shown.words import outcome, short, state, when

Payload = dict[str, Any]


def line(event: dict[str, Any]) -> Text | None:
    """One line, or None for what only machines read."""
    told = _TOLD[event["type"]](event["payload"]) if event["type"] in _TOLD else None
    if told is None:
        return None
    name = event["node_id"] or "job"
    return Text.assemble((when(event["created_at"]), "dim"), "  ", (f"{name:<16} ", "bold"), told)


def _planned(payload: Payload) -> Text:
    return Text(f"planned {', '.join(node['id'] for node in payload['task_graph']['nodes'])}")


def _called(payload: Payload) -> Text:
    again = f", send {payload['sends']}" if payload["sends"] > 1 else ""
    return Text(f"calls {payload['tool_name']} {short(payload['arguments'], 100)}{again}")


def _answered(payload: Payload) -> Text:
    return Text.assemble(state(payload["outcome"]), f" {outcome(payload.get('error'), payload.get('result'), 140)}")


def _finished(payload: Payload) -> Text | None:
    if payload["state"] == "ok" and payload.get("output") is None:
        return None
    said = outcome(payload.get("error"), payload.get("output"), 140)
    return Text.assemble(state(payload["state"]), f" {said}".rstrip())


def _waiting(payload: Payload) -> Text:
    about = payload["reason"] or payload["correlation_key"]
    asked = f": {payload['approves']} {short(payload['arguments'], 100)}" if payload.get("approves") else ""
    until = f" until {when(payload['expires_at'])}" if payload.get("expires_at") else ""
    return Text.assemble(state("waiting"), f" for {payload['wait_kind']}{until}: {about}{asked}")


def _retrying(payload: Payload) -> Text:
    later = f", not before {when(payload['not_before'])}" if payload.get("not_before") else ""
    return Text.assemble(state("retrying"), f" {payload['reason']}{later}")


def _ended(name: str) -> Callable[[Payload], Text]:
    def told(payload: Payload) -> Text:
        said = outcome(payload.get("error"), None, 140)
        return Text.assemble(state(name, payload.get("outcome", "")), f" {said}".rstrip())

    return told


_TOLD: dict[str, Callable[[Payload], Text | None]] = {
    "job_created": lambda payload: Text(f"created for {payload['agent']}: {short(payload['goal'], 100)}"),
    "plan_generated": _planned,
    "tool_invocation_started": _called,
    "llm_invocation_started": lambda payload: Text(f"asks {payload['tool_name']}:{payload['tool_version']}"),
    "tool_invocation_finished": _answered,
    "llm_invocation_finished": _answered,
    "node_finished": _finished,
    "node_retrying": _retrying,
    "node_reclaimed": lambda payload: Text(f"its worker was lost ({payload['reason']})", style="yellow"),
    "job_waiting": _waiting,
    "wait_completed": lambda payload: Text(
        f"answered by {payload['decided_by'] or 'a signal'}: {short(payload['payload'])}"
    ),
    "effect_resolved": lambda payload: Text(f"resolved by {payload['decided_by']}: {payload['resolution']}"),
    "resolution_proposed": lambda payload: Text(f"{payload['proposed_by']} proposes {payload['resolution']}"),
    "world_changed": lambda payload: Text.assemble(state("unknown"), f" the world has changed: {payload['changed']}"),
    "fact_conflict": lambda payload: Text.assemble(state("unknown"), " a fact contradicts what stands"),
    "job_failing": lambda payload: Text.assemble(state("failed"), f" {outcome(payload['error'], None)}"),
    "job_cancel_requested": lambda payload: Text(f"is to stop: {payload['reason'] or 'no reason given'}"),
    "job_requeued": lambda payload: Text(f"goes on with {', '.join(payload['nodes'])}"),
    "job_completed": _ended("completed"),
    "job_failed": _ended("failed"),
    "job_cancelled": _ended("cancelled"),
}
