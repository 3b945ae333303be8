"""Why a job waits, as its page shows it: with the page where somebody can change it."""

from shlex import quote
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from aetheris.core.moments import moment
from jobs.api.why import MOST, Reason, reasons
from jobs.models import Job, Node
from jobs.states import NodeState
from signals_app.models import Approval, Wait
from signals_app.states import WaitKind

HEADS = ("Node", "Waits for", "Since", "Until", "What it is about")
Row = tuple[Any, ...]


def rows(job: Job) -> list[Row]:
    """One for each thing that the job waits for; none once it has ended."""
    nodes, waits = Node.objects.of_job(job.pk), list(Wait.objects.open(job.pk)[:MOST])
    moving = [node for state in (NodeState.RUNNING, NodeState.READY) for node in nodes.filter(state=state)[:MOST]]
    approvals = Approval.objects.of_waits(waits)
    return [_row(reason, approvals) for reason in reasons(job, moving, waits)]


def _row(reason: Reason, approvals: dict[Any, Any]) -> Row:
    about = _about(reason, approvals)
    return reason.node or "–", reason.waits_for, moment(reason.since), moment(reason.until), about


def _about(reason: Reason, approvals: dict[Any, Any]) -> object:
    """In words, and where there is one as a link to the page where it is answered; whether anybody serves its queue is
    seen by the page."""
    wait = reason.wait
    if wait is not None and wait.kind == WaitKind.RESOLUTION:
        return _link("admin:signals_app_unknownoutcome_change", wait.question_id, reason.about)
    if wait is not None and (approval := approvals.get((wait.job_id, wait.correlation_key))):
        return _link("admin:signals_app_approval_change", approval, reason.about)
    return unless_unserved(reason.queue, reason.about) if reason.queue else reason.about


def _link(page: str, key: object, text: str) -> object:
    return format_html('<a href="{}">{}</a>', reverse(page, args=[key]), text)


def unless_unserved(queue: str, text: str) -> SafeString:
    """This text; once workers have been asked and none serves the queue, the page says that instead, and what mends it
    (`workers.js`)."""
    unserved = f"No worker that answers serves {queue}: aetheris worker --queues {quote(queue)}"
    return format_html('<span data-queue="{}" data-unserved="{}">{}</span>', queue, unserved, text)
