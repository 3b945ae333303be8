"""What jobs and events look like outside: field names are a contract."""

from collections.abc import Iterable, Sequence
from typing import Any

from aetheris.core.canonical import shown
from aetheris.core.handlers import Planner
from jobs.api.why import Reason, reasons
from jobs.models import Body, Job, Node
from ledger.models import Event
from signals_app.models import Approval, Wait


def agent(planner: Planner) -> dict[str, Any]:
    return {
        "id": planner.name,
        "name": planner.name,
        "version": planner.version,
        "tools": [tool.name for tool in planner.tools],
    }


def summary(job: Job) -> dict[str, Any]:
    return {
        "id": job.pk,
        "agent_id": job.agent.name,
        "goal": job.goal,
        "status": job.state,
        "outcome": job.outcome,
        "priority": job.priority,
        "conflicts": job.conflicts,
        "requested_by": job.requested_by,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "finished_at": job.finished_at,
    }


def detail(job: Job, nodes: Iterable[Node], waits: Iterable[Wait]) -> dict[str, Any]:
    listed = list(nodes)
    texts = Body.objects.texts(job.pk, [form for form in (job.result, *(node.output for node in listed)) if form])
    waits = list(waits)
    waiting = wait_details(waits)
    first = waiting[0] if waiting else {"correlation_key": None, "node_id": None}
    return {
        **summary(job),
        "result": _value(job.result, texts),
        "error": job.error_value,
        "retry_count": sum(node.tries for node in listed),
        "cursor": job.seq,
        "nodes": [_node(node, texts) for node in listed],
        "waits": waiting,
        "why": [_why(reason) for reason in reasons(job, listed, waits)],
        "wait_correlation_key": first["correlation_key"],
        "wait_node_id": first["node_id"],
    }


def result(job: Job) -> dict[str, Any]:
    """How a job stands, and what it amounts to."""
    texts = Body.objects.texts(job.pk, [job.result] if job.result else [])
    return {
        "job_id": job.pk,
        "status": job.state,
        "outcome": job.outcome,
        "result": _value(job.result, texts),
        "error": job.error_value,
    }


def wait_details(waits: Sequence[Wait]) -> list[dict[str, Any]]:
    approvals = Approval.objects.of_waits(waits)
    return [
        {
            "node_id": wait.node,
            "correlation_key": wait.correlation_key,
            "wait_kind": wait.kind,
            "reason": wait.reason,
            "expires_at": wait.expires_at,
            "approval_id": approvals.get((wait.job_id, wait.correlation_key)),
        }
        for wait in waits
    ]


def waits_of_jobs(waits: Sequence[Wait]) -> list[dict[str, Any]]:
    """Waits in a list of many jobs'."""
    return [
        {"job_id": wait.job_id, "agent_id": wait.job.agent.name, **told, "opened_at": wait.opened_at}
        for wait, told in zip(waits, wait_details(waits), strict=True)
    ]


def events(stored: list[Event], payloads: list[dict[str, Any]], previous: bytes) -> list[dict[str, Any]]:
    """Events that follow one another; `previous` is the hash before the first."""
    hashes = [previous, *(bytes(event.hash) for event in stored)]
    return [event(*told) for told in zip(stored, payloads, hashes, strict=False)]


def event(stored: Event, payload: dict[str, Any], previous: bytes) -> dict[str, Any]:
    """One event; `previous` is the hash before it."""
    return {
        "id": f"{stored.job_id}:{stored.seq}",
        "job_id": stored.job_id,
        "seq": stored.seq,
        "type": stored.type,
        "category": stored.category,
        "node_id": stored.node,
        "actor": stored.actor,
        "payload": payload,
        "created_at": stored.at,
        "prev_hash": previous.hex(),
        "hash": bytes(stored.hash).hex(),
    }


def _node(node: Node, texts: dict[str, str]) -> dict[str, Any]:
    return {
        "id": node.path,
        "type": node.type,
        "queue": node.queue,
        "status": node.state,
        "ending": node.ending,
        "output": _value(node.output, texts),
        "error": node.error_value,
        "claims": node.claims,
        "tries": node.tries,
    }


def _why(reason: Reason) -> dict[str, Any]:
    return {
        "node_id": reason.node,
        "waits_for": reason.waits_for,
        "since": reason.since,
        "until": reason.until,
        "about": reason.about,
    }


def _value(stored: str | None, texts: dict[str, str]) -> Any:
    return None if stored is None else shown(texts.get(stored, stored))
