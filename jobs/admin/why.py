"""Why a job waits, as its page shows it: with the page where somebody can change it."""

from typing import Any

from django.urls import reverse
from django.utils.html import format_html

from aetheris.admin_base import moment
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
    """In words, and where there is one as a link to the page where it is answered."""
    wait = reason.wait
    if wait is not None and wait.kind == WaitKind.RESOLUTION:
        return _link("admin:signals_app_unknownoutcome_change", wait.question_id, reason.about)
    if wait is not None and (approval := approvals.get((wait.job_id, wait.correlation_key))):
        return _link("admin:signals_app_approval_change", approval, reason.about)
    return reason.about


def _link(page: str, key: object, text: str) -> object:
    return format_html('<a href="{}">{}</a>', reverse(page, args=[key]), text)
