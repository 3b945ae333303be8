"""The door for people who say what became of an unknown effect: what they are asked."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aetheris.api.permissions import APPROVAL_DECIDE
from aetheris.api.principals import rights_of, tenant_of
from aetheris.core.canonical import shown
from jobs.api.views import checked
from jobs.engine.possible import can_ask
from jobs.engine.sender import Sender
from jobs.engine.unknown import Unknown, about
from signals_app.api.views import LONGEST_PAGE
from signals_app.models import UnknownOutcome
from signals_app.states import WaitState


class _Filter(serializers.Serializer[None]):
    status = serializers.ChoiceField([WaitState.OPEN.value, WaitState.RESOLVED.value], default=WaitState.OPEN.value)
    cursor = serializers.UUIDField(required=False)
    limit = serializers.IntegerField(min_value=1, max_value=LONGEST_PAGE, default=20)


class Resolutions(APIView):
    """`GET ?status&cursor&limit` → effects in doubt, newest first, with what the caller may say about each."""

    permissions: ClassVar = {"GET": (APPROVAL_DECIDE,)}

    def get(self, request: Request) -> Response:
        wanted = checked(_Filter, request.query_params)
        questions = UnknownOutcome.objects.of_tenant(tenant_of(request.user))
        page = about(questions.page(wanted["status"], wanted.get("cursor"), wanted["limit"]))
        full = len(page) == wanted["limit"]
        sender = Sender(**rights_of(request.user))
        return Response(
            {
                "resolutions": [representation(unknown, sender) for unknown in page],
                "next_cursor": page[-1].question.pk if full else None,
            }
        )


def representation(unknown: Unknown, sender: Sender) -> dict[str, Any]:
    question, entry = unknown.question, unknown.entry
    return {
        "id": question.pk,
        "job_id": question.job_id,
        "agent_id": question.job.agent.name,
        "node_id": question.node,
        "correlation_key": question.correlation_key,
        "status": question.state,
        "reason": question.reason,
        "asked_at": question.opened_at,
        "requested_by": question.job.requested_by,
        "tool": entry.tool,
        "tool_version": entry.tool_version,
        "effect": entry.effect,
        "arguments": shown(unknown.arguments),
        "idempotency_key": entry.idempotency_key,
        "attempt": entry.attempt,
        "sends": entry.sends,
        "first_sent_at": entry.first_sent_at,
        "send_by": entry.send_by,
        "settled_by": entry.settled_by,
        "can_ask": can_ask(entry),
        "proposed_by": question.proposed_by,
        "answers": [
            {"resolution": answer.resolution, "not_before": answer.not_before} for answer in unknown.answers(sender)
        ],
        "resolution": question.resolution,
        "resolved_by": question.answered_by,
        "resolved_at": question.ended_at,
    }
