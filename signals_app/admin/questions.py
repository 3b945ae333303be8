"""Unknown outcomes in the admin: what was tried, and the answers, each confirmed before it is given."""

import json
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from aetheris.admin_base import ReadOnlyAdmin, table
from aetheris.api.permissions import APPROVAL_DECIDE, may
from aetheris.api.principals import rights_of, tenant_of
from aetheris.core import registry
from aetheris.core.errors import Refused
from aetheris.core.moments import moment
from jobs.engine.possible import Resolution
from jobs.engine.resolve import Answer, resolve
from jobs.engine.sender import TOLD, Sender
from jobs.engine.unknown import about
from jobs.models import Body, Job
from ledger.models import Entry
from signals_app.admin import typed
from signals_app.admin.filters import ToDoFilter
from signals_app.models import UnknownOutcome
from signals_app.states import WaitState

RESOLUTIONS = {
    Resolution.HAPPENED: ("It happened", "The job goes on with the result that you give."),
    Resolution.DID_NOT_HAPPEN: (
        "It did not happen",
        "The node fails: an edge on “error” leads on, else the job fails.",
    ),
    Resolution.SEND_AGAIN: (
        "Send it again",
        "It did not happen, and is sent once more, under a new key, when a second person says the same.",
    ),
    Resolution.ASK: ("Ask the provider", "The tool asks its provider once more. Nothing is sent."),
    Resolution.GO_ON: ("Go on", "The job goes on, though the world has changed since it stopped."),
    Resolution.STOP: ("Stop", "The job fails with WORLD_CHANGED, and starts nothing more."),
}
"""What each answer is called, and what follows."""


class AnsweredFilter(ToDoFilter):
    todo: ClassVar = (WaitState.OPEN.value, "Open")
    others: ClassVar = [(WaitState.RESOLVED.value, "Answered")]


@admin.register(UnknownOutcome)
class UnknownOutcomeAdmin(ReadOnlyAdmin):
    """Questions what became of an effect: what was tried, and the answers, each confirmed before it is given."""

    list_display = ("question", "agent", "opened_at", "proposed_by")
    list_filter = (AnsweredFilter,)
    optional = ("proposed_by", "resolution", "answered_by", "ended_at")
    sortable_by = ()
    change_form_template = "signals_app/unknown.html"
    fields = (
        "asked", "job_shown", "agent", "node", "opened_at", "sent", "tried", "state", "proposed_by", "resolution",
        "answered_by", "ended_at",
    )  # fmt: skip
    readonly_fields = ("asked", "job_shown", "agent", "sent", "tried", "resolution")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those of the user's tenant, newest first."""
        return UnknownOutcome.objects.of_tenant(tenant_of(request.user))

    @admin.display(description="Question")
    def asked(self, question: UnknownOutcome) -> str:
        return question.reason

    @admin.display(description="Question")
    def question(self, question: UnknownOutcome) -> str:
        return Truncator(question.reason).chars(100)

    @admin.display(description="Agent")
    def agent(self, question: UnknownOutcome) -> str:
        return question.job.agent.name

    @admin.display(description="Job")
    def job_shown(self, question: UnknownOutcome) -> SafeString:
        page = reverse("admin:jobs_job_change", args=[question.job_id])
        return format_html('<a href="{}">{}</a>', page, question.job_id)

    @admin.display(description="What was sent")
    def sent(self, question: UnknownOutcome) -> SafeString:
        unknown = about([question])[0]
        entry = unknown.entry
        rows = [
            ("Tool", f"{entry.tool}, version {entry.tool_version}, {entry.effect}"),
            ("Arguments", unknown.arguments),
            ("Idempotency key", entry.idempotency_key),
            ("Its time to send ended", moment(entry.send_by)),
            ("It may take effect until", moment(entry.settled_by)),
        ]
        return table(("Field", "Value"), rows)

    @admin.display(description="What was tried")
    def tried(self, question: UnknownOutcome) -> SafeString:
        entries = Entry.objects.of_nodes({(question.job_id, question.node)})
        texts = Body.objects.texts(question.job_id, [entry.result for entry in entries if entry.result])
        rows = [
            (e.tool, e.attempt, e.sends, moment(e.first_sent_at), e.state, texts[e.result] if e.result else e.error)
            for e in entries
        ]
        return table(("Tool", "Attempt", "Sends", "First sent", "State", "Result or error"), rows)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the question; a POST with one of the answers asks whether it is meant, and `confirmed` gives it."""
        question = self.get_object(request, object_id)
        may_decide = self.has_view_permission(request, question) and may(request, APPROVAL_DECIDE)
        said = next((each for each in Resolution if f"_{each}" in request.POST), None)
        if request.method == "POST" and said is not None:
            if question is None or not may_decide:
                raise PermissionDenied
            return self._answer(request, question, said)
        answers = self._answers(request, question) if question is not None and may_decide else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **answers})

    def _answers(self, request: HttpRequest, question: UnknownOutcome) -> dict[str, Any]:
        """What this user may say now, and what the tool would have returned."""
        unknown = about([question])[0]
        tool = registry.tools.get(unknown.entry.tool) if unknown.entry.tool in registry.tools else None
        possible = unknown.answers(Sender(**rights_of(request)))
        return {
            "answers": [(answer, *RESOLUTIONS[answer.resolution]) for answer in possible],
            "typed": typed.take(request, question),
            "now": Job.objects.now(),
            "result_schema": json.dumps(tool.signature.result_schema()) if tool else "",
        }

    def _answer(self, request: HttpRequest, question: UnknownOutcome, said: Resolution) -> HttpResponse:
        typed.keep(request, question, "reason", "result")
        try:
            answer = _answer_in(request, said)
            if "confirmed" not in request.POST:
                return self._confirm(request, question, said)
            sender = Sender(**rights_of(request))
            verdict = resolve(question.job_id, question.correlation_key, answer, sender)
        except Refused as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
        else:
            typed.take(request, question)
            self.message_user(request, TOLD[verdict], messages.SUCCESS)
        return HttpResponseRedirect(request.path)

    def _confirm(self, request: HttpRequest, question: UnknownOutcome, said: Resolution) -> HttpResponse:
        label, follows = RESOLUTIONS[said]
        context = {
            **self.admin_site.each_context(request),
            "title": f"{label}: is that so?",
            "button": label,
            "opts": self.opts,
            "asked": question,
            "back": request.path,
            "unknown": about([question])[0],
            "said": said,
            "follows": follows,
            "result": request.POST.get("result", "") if said is Resolution.HAPPENED else "",
            "reason": request.POST.get("reason", ""),
        }
        return TemplateResponse(request, "signals_app/confirm.html", context)


def _answer_in(request: HttpRequest, said: Resolution) -> Answer:
    """The answer that a form holds. Raises `Refused` for a result that is no JSON."""
    answer: Answer = {"resolution": said.value, "reason": request.POST.get("reason", "")}
    if said is Resolution.HAPPENED:
        try:
            answer["result"] = json.loads(request.POST.get("result", ""))
        except (ValueError, RecursionError) as error:
            told = 'The result is no JSON. Write JSON, such as {"text": "…"}.'
            raise Refused(told, code="RESOLUTION_INVALID") from error
    return answer
