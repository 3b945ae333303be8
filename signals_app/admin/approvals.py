"""Approvals in the admin: what is to be approved is shown exactly, each decision is confirmed before it is given."""

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
from aetheris.api.principals import principal_of, rights_of, tenant_of
from aetheris.core.canonical import dumps_escaped
from aetheris.core.errors import Refused
from aetheris.core.principal import same
from jobs.engine.sender import Sender
from jobs.engine.signal import decide
from signals_app.admin import typed
from signals_app.admin.filters import ToDoFilter
from signals_app.models import Approval
from signals_app.states import ApprovalState

DECISIONS = {
    "_approve": (True, "Approve", "The job goes on with exactly this call, and with no other."),
    "_refuse": (False, "Refuse", "This call is not made; the job goes on as its plan says after a refusal."),
}
"""The field of each answer: what it says, what it is called, and what follows."""


class StateFilter(ToDoFilter):
    todo: ClassVar = (ApprovalState.PENDING.value, "Pending")
    others: ClassVar = [choice for choice in ApprovalState.choices if choice[0] != ApprovalState.PENDING]


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    list_display = ("question", "expires_at", "call", "requested_by", "decision")
    list_filter = (StateFilter,)
    optional = ("tool", "tool_version", "expires_at", "step", "decided_by", "decided_at", "decision_reason")
    ordering = ("-id",)
    sortable_by = ()
    change_form_template = "signals_app/decide.html"
    fields = (
        "asked", "tool", "tool_version", "arguments_shown", "requested_by", "requested_at", "expires_at", "state",
        "job_shown", "node", "step", "decided_by", "decided_at", "decision_reason",
    )  # fmt: skip
    readonly_fields = ("asked", "arguments_shown", "job_shown")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those of the user's tenant."""
        return Approval.objects.of_tenant(tenant_of(request.user))

    @admin.display(description="Question")
    def asked(self, approval: Approval) -> str:
        return approval.reason or f"May {approval.tool or approval.node} go on?"

    @admin.display(description="Question")
    def question(self, approval: Approval) -> str:
        return Truncator(self.asked(approval)).chars(80)

    @admin.display(description="Call")
    def call(self, approval: Approval) -> str:
        return Truncator(f"{approval.tool} {approval.arguments or ''}").chars(120)

    @admin.display(description="Decision")
    def decision(self, approval: Approval) -> str:
        """Empty while it is open; nobody has given the one of an approval whose time was over."""
        decided = approval.state != ApprovalState.PENDING
        return ", ".join(filter(None, (approval.get_state_display(), approval.decided_by))) if decided else "–"

    @admin.display(description="Arguments")
    def arguments_shown(self, approval: Approval) -> SafeString:
        """Each argument as canonical JSON: exactly what the call will be compared with."""
        arguments = approval.arguments_value
        if not isinstance(arguments, dict):
            return SafeString("–")
        return table(("Argument", "Value"), [(name, dumps_escaped(value)) for name, value in arguments.items()])

    @admin.display(description="Job")
    def job_shown(self, approval: Approval) -> SafeString:
        page = reverse("admin:jobs_job_change", args=[approval.job_id])
        goal = Truncator(approval.job.goal).chars(200)
        return format_html('<a href="{}">{}</a> {}: {}', page, approval.job_id, approval.job.agent.name, goal)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the question; a POST with an answer asks whether it is meant, and `confirmed` gives it."""
        answer = next((name for name in DECISIONS if name in request.POST), None)
        approval = self.get_object(request, object_id)
        if request.method == "POST" and answer is not None:
            if approval is None or not self._may_decide(request, approval):
                raise PermissionDenied
            return self._decide(request, approval, answer)
        offered: dict[str, Any] = {
            **({} if approval is None else self._shown(request, approval)),
            "may_decide": may(request, APPROVAL_DECIDE),
            "is_requester": approval is not None and same(principal_of(request.user), approval.requested_by),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **offered})

    def _shown(self, request: HttpRequest, approval: Approval) -> dict[str, Any]:
        return {"title": self.question(approval), "typed": typed.take(request, approval)}

    def _may_decide(self, request: HttpRequest, approval: Approval) -> bool:
        return self.has_view_permission(request, approval) and may(request, APPROVAL_DECIDE)

    def _decide(self, request: HttpRequest, approval: Approval, answer: str) -> HttpResponse:
        typed.keep(request, approval, "decision_reason")
        if "confirmed" not in request.POST:
            return self._confirm(request, approval, answer)
        approved = DECISIONS[answer][0]
        reason = request.POST.get("decision_reason", "")
        try:
            decide(approval, approved=approved, reason=reason, sender=Sender(**rights_of(request)))
        except Refused as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
        else:
            typed.take(request, approval)
            self.message_user(request, "Approved." if approved else "Refused.", messages.SUCCESS)
        return HttpResponseRedirect(request.path)

    def _confirm(self, request: HttpRequest, approval: Approval, answer: str) -> HttpResponse:
        _, label, follows = DECISIONS[answer]
        context = {
            **self.admin_site.each_context(request),
            "title": f"{label}: are you sure?",
            "button": label,
            "opts": self.opts,
            "asked": approval,
            "back": request.path,
            "answer": answer,
            "follows": follows,
            "arguments": self.arguments_shown(approval),
            "reason": request.POST.get("decision_reason", ""),
        }
        return TemplateResponse(request, "signals_app/confirm_decision.html", context)
