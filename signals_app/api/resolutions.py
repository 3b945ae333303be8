"""The door for people who say what became of an unknown effect: what they are asked."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aetheris.api.contract import Link, Method
from aetheris.api.fields import Page, next_cursor, query_of
from aetheris.api.permissions import APPROVAL_DECIDE
from aetheris.api.principals import rights_of, tenant_of
from aetheris.core.canonical import shown
from aetheris.core.handlers import Effect
from jobs.api import answers
from jobs.engine.possible import Resolution, can_ask
from jobs.engine.sender import Sender
from jobs.engine.unknown import Unknown, about
from signals_app.models import UnknownOutcome
from signals_app.states import WaitState

ASKED_ABOUT = [WaitState.OPEN.value, WaitState.RESOLVED.value]


class ResolutionFilter(Page):
    status = serializers.ChoiceField(ASKED_ABOUT, default=WaitState.OPEN.value)


class PossibleAnswer(answers.Answer):
    resolution = serializers.ChoiceField(list(Resolution))
    not_before = serializers.DateTimeField(allow_null=True)


class ResolutionAnswer(answers.Answer):
    id = serializers.UUIDField()
    job_id = serializers.UUIDField()
    agent_id = serializers.CharField()
    node_id = serializers.CharField()
    correlation_key = serializers.CharField()
    status = serializers.ChoiceField(ASKED_ABOUT)
    reason = serializers.CharField(allow_blank=True)
    asked_at = serializers.DateTimeField()
    requested_by = serializers.CharField()
    tool = serializers.CharField()
    tool_version = serializers.CharField(allow_blank=True)
    effect = serializers.ChoiceField(list(Effect))
    arguments = serializers.JSONField()
    idempotency_key = serializers.CharField()
    attempt = serializers.IntegerField()
    sends = serializers.IntegerField()
    first_sent_at = serializers.DateTimeField()
    send_by = serializers.DateTimeField()
    settled_by = serializers.DateTimeField()
    can_ask = serializers.BooleanField()
    proposed_by = serializers.CharField(allow_blank=True)
    answers = PossibleAnswer(many=True)
    resolution = serializers.ChoiceField(["", *Resolution])
    resolved_by = serializers.CharField(allow_blank=True)
    resolved_at = serializers.DateTimeField(allow_null=True)


class ResolutionList(answers.Answer):
    resolutions = ResolutionAnswer(many=True)
    next_cursor = serializers.UUIDField(allow_null=True)


class Resolutions(APIView):
    """`GET ?status&cursor&limit` → effects in doubt, newest first, with what the caller may say about each."""

    permissions: ClassVar = {"GET": (APPROVAL_DECIDE,)}
    contract: ClassVar = {
        "GET": Method(
            name="list_resolutions",
            does="Effects in doubt, the newest first",
            asks=ResolutionFilter,
            answers={200: ResolutionList},
            links=(Link("get_job", "job_id", "resolutions/0/job_id"),),
        )
    }

    def get(self, request: Request) -> Response:
        wanted = query_of(request, ResolutionFilter)
        questions = UnknownOutcome.objects.of_tenant(tenant_of(request.user))
        page = about(questions.page(wanted["status"], wanted.get("cursor"), wanted["limit"]))
        sender = Sender(**rights_of(request))
        return Response(
            {
                "resolutions": [representation(unknown, sender) for unknown in page],
                "next_cursor": next_cursor([unknown.question for unknown in page], wanted["limit"]),
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
