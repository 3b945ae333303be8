"""The doors for people who decide."""

from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aetheris.api.contract import Link, Method
from aetheris.api.fields import Fields, Page, Text, body_of, next_cursor, query_of
from aetheris.api.permissions import APPROVAL_DECIDE
from aetheris.api.principals import principal_of, rights_of, tenant_of
from aetheris.core.errors import Refused
from jobs.api import answers
from jobs.api.waits import DECIDING, signal_answer
from jobs.engine.sender import Sender
from jobs.engine.signal import decide
from signals_app.models import Approval
from signals_app.states import ApprovalState

NOT_FOUND = ("APPROVAL_NOT_FOUND",)


class ApprovalFilter(Page):
    status = serializers.ChoiceField(ApprovalState.choices, required=False)
    job_id = serializers.UUIDField(required=False, help_text="Only what is asked about this job.")
    mine = serializers.BooleanField(required=False, help_text="Only what the caller may decide now.")


class DecisionReason(Fields):
    example: ClassVar = {"reason": "seen"}

    reason = Text(max_length=10_000, required=False, allow_blank=True, default="")


class ApprovalAnswer(answers.Answer):
    id = serializers.UUIDField()
    job_id = serializers.UUIDField()
    agent_id = serializers.CharField()
    node_id = serializers.CharField()
    correlation_key = serializers.CharField()
    status = serializers.ChoiceField(ApprovalState.choices)
    reason = serializers.CharField(allow_blank=True)
    step = serializers.CharField(allow_blank=True)
    tool = serializers.CharField(allow_blank=True)
    arguments = serializers.JSONField()
    requested_by = serializers.CharField()
    requested_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField(allow_blank=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    decision_reason = serializers.CharField(allow_blank=True)


class ApprovalList(answers.Answer):
    approvals = ApprovalAnswer(many=True)
    next_cursor = serializers.UUIDField(allow_null=True)


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
    """`GET ?status&job_id&mine&cursor&limit` → what people were asked, newest first."""

    permissions: ClassVar = {"GET": (APPROVAL_DECIDE,)}
    contract: ClassVar = {
        "GET": Method(
            name="list_approvals",
            does="What people were asked, the newest first",
            asks=ApprovalFilter,
            answers={200: ApprovalList},
            links=(Link("get_approval", "approval_id", "approvals/0/id"),),
        )
    }

    def get(self, request: Request) -> Response:
        wanted = query_of(request, ApprovalFilter)
        limit, mine = wanted.pop("limit"), wanted.pop("mine", False)
        found = Approval.objects.of_tenant(tenant_of(request.user)).newest_first(**wanted)
        page = list((found.for_decider(principal_of(request.user)) if mine else found)[:limit])
        approvals = [representation(approval) for approval in page]
        return Response({"approvals": approvals, "next_cursor": next_cursor(page, limit)})


class ApprovalDetail(APIView):
    """`GET` → one question, with the exact arguments that it is about."""

    permissions: ClassVar = {"GET": (APPROVAL_DECIDE,)}
    contract: ClassVar = {
        "GET": Method(
            name="get_approval",
            does="One question, with the exact arguments that it is about",
            answers={200: ApprovalAnswer},
            refuses=NOT_FOUND,
            links=(Link("approve", "approval_id", "id"), Link("reject", "approval_id", "id")),
        )
    }

    def get(self, request: Request, approval_id: UUID) -> Response:
        return Response(representation(approval_of(request, approval_id)))


class Decision(APIView):
    """`POST {reason}` → says yes or no. Whoever requested the job may not."""

    approved: ClassVar[bool]

    def post(self, request: Request, approval_id: UUID) -> Response:
        reason = body_of(request, DecisionReason)["reason"]
        approval = approval_of(request, approval_id)
        verdict = decide(approval, approved=self.approved, reason=reason, sender=Sender(**rights_of(request)))
        return signal_answer(approval.job_id, verdict)


def _deciding(name: str, does: str) -> dict[str, Method]:
    refuses = (*NOT_FOUND, *DECIDING)
    links = (Link("get_job", "job_id", "job_id"),)
    return {
        "POST": Method(
            name=name,
            does=does,
            takes=DecisionReason,
            answers={200: answers.Done, 202: answers.Done},
            refuses=refuses,
            links=links,
        )
    }


class Approve(Decision):
    """`POST {reason}` → yes."""

    permissions: ClassVar = {"POST": (APPROVAL_DECIDE,)}
    contract: ClassVar = _deciding("approve", "Say yes")
    approved = True


class Reject(Decision):
    """`POST {reason}` → no: the node ends as refused."""

    permissions: ClassVar = {"POST": (APPROVAL_DECIDE,)}
    contract: ClassVar = _deciding("reject", "Say no")
    approved = False
