"""The doors for people who decide."""

from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aetheris.api.permissions import APPROVAL_DECIDE
from aetheris.api.principals import rights_of, tenant_of
from aetheris.core.errors import Refused
from jobs.api.views import checked, signal_answer
from jobs.engine.sender import Sender
from jobs.engine.signal import decide
from signals_app.models import Approval
from signals_app.states import ApprovalState

LONGEST_PAGE = 100


class _ApprovalFilter(serializers.Serializer[None]):
    status = serializers.ChoiceField(ApprovalState.choices, required=False)
    cursor = serializers.UUIDField(required=False)
    limit = serializers.IntegerField(min_value=1, max_value=LONGEST_PAGE, default=20)


class _Reason(serializers.Serializer[None]):
    reason = serializers.CharField(max_length=10_000, required=False, allow_blank=True, default="")


def approval_of(request: Request, approval_id: UUID) -> Approval:
    """An approval of the caller's tenant; another tenant's does not exist."""
    approval = Approval.objects.of_tenant(tenant_of(request.user)).filter(pk=approval_id).first()
    if approval is None:
        raise Refused(f"There is no approval {approval_id}.", code="APPROVAL_NOT_FOUND")
    return approval


def representation(approval: Approval) -> dict[str, Any]:
    return {
        "id": approval.pk,
        "job_id": approval.job_id,
        "agent_id": approval.job.agent.name,
        "node_id": approval.node,
        "correlation_key": approval.correlation_key,
        "status": approval.state,
        "reason": approval.reason,
        "step": approval.step,
        "tool": approval.tool,
        "arguments": approval.arguments_value,
        "requested_by": approval.requested_by,
        "requested_at": approval.requested_at,
        "expires_at": approval.expires_at,
        "decided_by": approval.decided_by,
        "decided_at": approval.decided_at,
        "decision_reason": approval.decision_reason,
    }


class Approvals(APIView):
    """`GET ?status&cursor&limit` → what people were asked, newest first."""

    permissions: ClassVar = {"GET": (APPROVAL_DECIDE,)}

    def get(self, request: Request) -> Response:
        wanted = checked(_ApprovalFilter, request.query_params)
        found = Approval.objects.of_tenant(tenant_of(request.user)).newest_first(
            state=wanted.get("status"), before=wanted.get("cursor")
        )
        page = list(found[: wanted["limit"]])
        full = len(page) == wanted["limit"]
        return Response(
            {
                "approvals": [representation(approval) for approval in page],
                "next_cursor": page[-1].pk if full else None,
            }
        )


class ApprovalDetail(APIView):
    """`GET` → one question, with the exact arguments that it is about."""

    permissions: ClassVar = {"GET": (APPROVAL_DECIDE,)}

    def get(self, request: Request, approval_id: UUID) -> Response:
        return Response(representation(approval_of(request, approval_id)))


class Decision(APIView):
    """`POST {reason}` → approve, or reject. Whoever requested the job may not."""

    permissions: ClassVar = {"POST": (APPROVAL_DECIDE,)}
    approved = True

    def post(self, request: Request, approval_id: UUID) -> Response:
        reason = checked(_Reason, request.data)["reason"]
        approval = approval_of(request, approval_id)
        verdict = decide(approval, approved=self.approved, reason=reason, sender=Sender(**rights_of(request.user)))
        return signal_answer(approval.job_id, verdict)
