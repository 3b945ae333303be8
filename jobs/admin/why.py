"""Why a job does not go on by itself: in words, with the page where somebody can change it."""

from collections.abc import Iterator
from shlex import quote
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from aetheris.admin_base import moment
from jobs.models import Job, Node
from jobs.states import NodeState
from signals_app.models import Approval, Wait
from signals_app.states import DECIDED_BY_PEOPLE, WaitKind

MOST = 50
"""So many of each are told."""
WAITS_FOR = {
    WaitKind.HUMAN: "A person’s decision",
    WaitKind.APPROVAL: "A person’s decision",
    WaitKind.SIGNAL: "A signal",
    WaitKind.WEBHOOK: "A webhook",
    WaitKind.MESSAGE: "A message",
    WaitKind.TIMER: "Its time",
    WaitKind.CONDITION: "A condition",
    WaitKind.RESOLUTION: "Word about an unknown outcome",
}
END, RUNS, READY, NEXT_TRY = "Its end", "Its worker", "A worker", "Its next try"
HEADS = ("Node", "Waits for", "Since", "Until", "What it is about")
Row = tuple[Any, ...]


def reasons(job: Job) -> list[Row]:
    """One row for each thing that the job waits for; none once it has ended."""
    if job.is_final:
        return []
    nodes = Node.objects.of_job(job.pk)
    running, ready = nodes.filter(state=NodeState.RUNNING)[:MOST], nodes.filter(state=NodeState.READY)[:MOST]
    return [*_stopping(job), *_waits(job), *map(_running, running), *map(_ready, ready)]


def _stopping(job: Job) -> Iterator[Row]:
    if job.cancel_requested_at is not None:
        yield "–", END, moment(job.cancel_requested_at), "", "It is cancelled, and starts nothing more."
    elif job.error is not None:
        yield "–", END, moment(job.updated_at), "", "It is failing, and starts nothing more."


def _waits(job: Job) -> Iterator[Row]:
    waits = list(Wait.objects.open(job.pk)[:MOST])
    by_people = any(wait.kind in DECIDED_BY_PEOPLE for wait in waits)
    approvals = {asked.correlation_key: asked.pk for asked in Approval.objects.of_job(job.pk)} if by_people else {}
    for wait in waits:
        about = _about(wait, approvals.get(wait.correlation_key))
        yield wait.node, WAITS_FOR[WaitKind(wait.kind)], moment(wait.opened_at), moment(wait.expires_at), about


def _about(wait: Wait, approval: object) -> object:
    """The page where it is answered, or what a door is to be told."""
    if wait.kind == WaitKind.RESOLUTION:
        return _link("admin:signals_app_unknownoutcome_change", wait.question_id, wait.reason)
    if approval is not None:
        return _link("admin:signals_app_approval_change", approval, wait.reason or "Approve or refuse")
    if wait.kind == WaitKind.TIMER:
        return wait.reason
    return f"{wait.reason} (correlation key {wait.correlation_key})".strip()


def _link(page: str, key: object, text: str) -> object:
    return format_html('<a href="{}">{}</a>', reverse(page, args=[key]), text)


def _running(node: Node) -> Row:
    started, until = moment(node.started_at), moment(node.lease_expires_at)
    return node.path, RUNS, started, until, "It runs; if its worker is lost, another one goes on."


def _ready(node: Node) -> Row:
    if node.not_before is not None:
        return node.path, NEXT_TRY, "", moment(node.not_before), "It is tried again then."
    rung = f"last rung for at {moment(node.rung_at)}"
    taken = unless_unserved(node.queue, f"It is ready, {rung}; a worker of the queue {node.queue} takes it.")
    return node.path, READY, "", "", taken


def unless_unserved(queue: str, text: str) -> SafeString:
    """This text; once workers have been asked and none serves the queue, the page says that instead, and what mends it
    (`workers.js`)."""
    unserved = f"No worker that answers serves {queue}: aetheris worker --queues {quote(queue)}"
    return format_html('<span data-queue="{}" data-unserved="{}">{}</span>', queue, unserved, text)
