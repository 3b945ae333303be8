"""Verbs for many jobs at once: each is asked whether it is meant, with the jobs, and then done to each by itself."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from aetheris.admin_base import ReadOnlyAdmin
from aetheris.api.principals import principal_of
from aetheris.core.errors import Refused
from jobs.engine.cancel import cancel
from jobs.engine.requeue import requeue

MOST_AT_ONCE = 500


@dataclass(frozen=True)
class Bulk:
    """A verb of the engine, what the operator is asked, and what is said when it is done."""

    verb: Callable[..., Any]
    action: str
    asks: str
    button: str
    follows: str
    done: tuple[str, str]
    """Of one job, and of several."""


CANCEL = Bulk(
    cancel,
    "cancel_jobs",
    "Cancel these jobs?",
    "Cancel them",
    "They start nothing more. What runs is asked to stop and recorded, what is in doubt is answered first. "
    "This cannot be taken back.",
    (
        "1 job is cancelled, at once or when what runs or is in doubt has ended",
        "{} jobs are cancelled, at once or when what runs or is in doubt has ended",
    ),
)
RETRY = Bulk(
    requeue,
    "retry_jobs",
    "Try these jobs again?",
    "Try them again",
    "Each failed job goes on where it failed. What happened is not repeated.",
    ("1 job is on its way again", "{} jobs are on their way again"),
)


def act(bulk: Bulk, admin: ReadOnlyAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
    """Ask whether this is meant for these jobs; do it once that is confirmed, and say what came of it."""
    if "confirmed" not in request.POST:
        return _ask(bulk, admin, request, list(queryset[: MOST_AT_ONCE + 1]))
    job_ids = queryset.values_list("pk", flat=True)[:MOST_AT_ONCE]
    refusals = _do(bulk, list(job_ids), principal_of(request.user), request.POST.get("reason", ""))
    if done := refusals.pop("", 0):
        admin.message_user(request, f"{bulk.done[0] if done == 1 else bulk.done[1].format(done)}.", messages.SUCCESS)
    for refusal, number in refusals.items():
        admin.message_user(request, f"{number} not: {refusal}", messages.WARNING)
    return None


def _ask(bulk: Bulk, admin: ReadOnlyAdmin, request: HttpRequest, jobs: list[Any]) -> HttpResponse:
    context = {
        **admin.admin_site.each_context(request),
        "title": bulk.asks,
        "opts": admin.opts,
        "back": request.get_full_path(),
        "bulk": bulk,
        "button": bulk.button,
        "jobs": jobs[:MOST_AT_ONCE],
        "most": MOST_AT_ONCE if len(jobs) > MOST_AT_ONCE else None,
    }
    return TemplateResponse(request, "jobs/confirm_bulk.html", context)


def _do(bulk: Bulk, job_ids: list[UUID], actor: str, reason: str) -> Counter[str]:
    """Refusal → how many jobs it was said of; "" counts those to which it was done."""
    told: Counter[str] = Counter()
    for job_id in job_ids:
        try:
            bulk.verb(job_id, actor=actor, reason=reason)
        except Refused as refusal:
            told[refusal.message] += 1
        else:
            told[""] += 1
    return told
