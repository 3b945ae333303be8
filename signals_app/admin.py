"""Approvals in the admin: who asks for what, and the two answers. Decided by POST, by whoever may, through the verb."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from aetheris.admin_base import ReadOnlyAdmin
from aetheris.api.principals import rights_of
from aetheris.core.errors import Refused
from jobs.engine.sender import Sender
from jobs.engine.signal import decide
from signals_app.models import Approval

DECIDE = "signals_app.decide_approval"
ANSWERS = {"_approve": True, "_refuse": False}


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "tool",
        "arguments",
        "state",
        "requested_by",
        "requested_at",
        "expires_at",
        "decided_by",
    )
    list_filter = ("state",)
    list_select_related = ("job",)
    ordering = ("-id",)
    show_full_result_count = False
    change_form_template = "signals_app/decide.html"
    fields = (
        "id", "job", "node", "reason", "step", "tool", "tool_version", "arguments", "state", "requested_by",
        "requested_at", "expires_at", "decided_by", "decided_at", "decision_reason",
    )  # fmt: skip

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the question; a POST with one of the two answers decides it."""
        answer = next((ANSWERS[name] for name in ANSWERS if name in request.POST), None)
        if request.method == "POST" and answer is not None:
            return self._decide(request, object_id, approved=answer)
        may_decide = {"may_decide": request.user.has_perm(DECIDE)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **may_decide})

    def _decide(self, request: HttpRequest, object_id: str, *, approved: bool) -> HttpResponse:
        approval = self.get_object(request, object_id)
        if approval is None or not request.user.has_perm(DECIDE):
            raise PermissionDenied
        try:
            decide(
                approval,
                approved=approved,
                reason=request.POST.get("decision_reason", ""),
                sender=Sender(**rights_of(request.user)),
            )
        except Refused as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
        else:
            self.message_user(request, "Approved." if approved else "Refused.", messages.SUCCESS)
        return HttpResponseRedirect(request.path)
