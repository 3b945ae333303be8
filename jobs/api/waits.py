"""The doors to what jobs wait for: signals, messages, and a person's word about doubt."""

from typing import ClassVar
from uuid import UUID

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aetheris.api.contract import Link, Method
from aetheris.api.fields import Fields, Page, Text, body_of, query_of
from aetheris.api.permissions import APPROVAL_DECIDE, JOB_CREATE, JOB_VIEW
from aetheris.api.principals import rights_of, tenant_of
from jobs.api import answers, representation
from jobs.api.views import NOT_FOUND, job_of
from jobs.engine import message as messages
from jobs.engine import sender as senders
from jobs.engine.possible import Resolution
from jobs.engine.resolve import resolve
from jobs.engine.sender import Sender
from jobs.engine.signal import signal
from signals_app.models import Wait
from signals_app.states import WaitKind

OF_JOB = (Link("get_job", "job_id", "job_id"),)
RESOLVING = (
    *("MAY_NOT_DECIDE", "REQUESTER_MAY_NOT_DECIDE", "JOB_NOT_PARKED", "INVALID_SIGNAL_KEY", "SIGNAL_CONFLICT"),
    *("RESOLUTION_INVALID", "EFFECT_NOT_SETTLED", "SECOND_PERSON_NEEDED", "CANNOT_ASK", "JOB_STARTS_NOTHING_MORE"),
    *("TOOL_NOT_FOUND", "VALUE_NOT_CANONICAL"),
)
"""How a person's word about an effect may be refused."""
DECIDING = (
    *("MAY_NOT_SIGNAL", "MAY_NOT_DECIDE", "REQUESTER_MAY_NOT_DECIDE", "JOB_NOT_PARKED", "INVALID_SIGNAL_KEY"),
    *("SIGNAL_CONFLICT", "WAIT_NOT_OPEN", "WAIT_EXPIRED", "SIGNAL_PAYLOAD_INVALID", "VALUE_NOT_CANONICAL"),
)
"""The same for an answer to a wait."""


class NewResolution(Fields):
    example: ClassVar = {"correlation_key": "resolution:pay:1", "resolution": "did_not_happen"}

    correlation_key = Text(max_length=500)
    resolution = serializers.ChoiceField([choice.value for choice in Resolution])
    result = serializers.JSONField(required=False)
    reason = Text(max_length=10_000, required=False, allow_blank=True, default="")


class NewSignal(Fields):
    example: ClassVar = {"correlation_key": "approval-1", "payload": {"approved": True}}

    correlation_key = Text(max_length=200)
    payload = serializers.DictField()


class Letter(Fields):
    example: ClassVar = {"message_id": "m-1", "channel": "orders", "payload": {"text": "one more"}}

    message_id = Text(max_length=200)
    payload = serializers.DictField()
    channel = Text(max_length=200, required=False, allow_blank=True, default="")
    correlation_key = Text(max_length=200, required=False, allow_blank=True, default="")


class WaitFilter(Page):
    """`limit` counts jobs: all that a job waits for is on one page."""

    kind = serializers.ChoiceField(WaitKind.choices, required=False)
    agent = Text(max_length=200, required=False)


class WaitOfJob(answers.OpenWait):
    job_id = serializers.UUIDField()
    agent_id = serializers.CharField()
    opened_at = serializers.DateTimeField()


class WaitList(answers.Answer):
    waits = WaitOfJob(many=True)
    next_cursor = serializers.UUIDField(allow_null=True)


class Waits(APIView):
    """`GET` → what jobs wait for now."""

    permissions: ClassVar = {"GET": (JOB_VIEW,)}
    contract: ClassVar = {
        "GET": Method(
            name="list_waits",
            does="What jobs wait for, those of the newest jobs first",
            asks=WaitFilter,
            answers={200: WaitList},
            links=(Link("get_job", "job_id", "waits/0/job_id"),),
        )
    }

    def get(self, request: Request) -> Response:
        wanted = query_of(request, WaitFilter)
        limit, before = wanted.pop("limit"), wanted.pop("cursor", None)
        waiting = Wait.objects.open_of_tenant(tenant_of(request.user), **wanted)
        jobs = waiting.jobs(before, limit)
        waits = representation.waits_of_jobs(waiting.of_jobs(jobs))
        return Response({"waits": waits, "next_cursor": jobs[-1] if len(jobs) == limit else None})


class MessageToJob(APIView):
    """`POST {message_id, payload, channel?, correlation_key?}` → into the job's mailbox, taken by one wait at most."""

    permissions: ClassVar = {"POST": (JOB_CREATE,)}
    contract: ClassVar = {
        "POST": Method(
            name="send_message_to_job",
            does="A word to a running job, kept until a wait takes it",
            takes=Letter,
            answers={200: answers.Done, 202: answers.Done},
            refuses=(*NOT_FOUND, "JOB_NOT_PARKED", "MESSAGE_CONFLICT", "SIGNAL_PAYLOAD_INVALID", "VALUE_NOT_CANONICAL"),
            links=OF_JOB,
        )
    }

    def post(self, request: Request, job_id: UUID) -> Response:
        job = job_of(request, job_id)
        letter = messages.Letter(**body_of(request, Letter))
        verdict = messages.message(job.pk, letter, Sender(**rights_of(request)))
        return signal_answer(job.pk, verdict)


class Signal(APIView):
    """`POST {correlation_key, payload}` → answers a wait. What people decide needs the right to decide."""

    permissions: ClassVar = {"POST": (JOB_CREATE, APPROVAL_DECIDE)}
    contract: ClassVar = {
        "POST": Method(
            name="signal_job",
            does="Answer what a job waits for",
            takes=NewSignal,
            answers={200: answers.Done, 202: answers.Done},
            refuses=(*NOT_FOUND, *DECIDING, *RESOLVING),
            links=OF_JOB,
        )
    }

    def post(self, request: Request, job_id: UUID) -> Response:
        job = job_of(request, job_id)
        body = body_of(request, NewSignal)
        sender = Sender(**rights_of(request))
        verdict = signal(job.pk, body["correlation_key"], body["payload"], sender)
        return signal_answer(job.pk, verdict)


class Resolve(APIView):
    """`POST {correlation_key, resolution, result?, reason?}` → says what became of an effect in doubt."""

    permissions: ClassVar = {"POST": (APPROVAL_DECIDE,)}
    contract: ClassVar = {
        "POST": Method(
            name="resolve_effect",
            does="Say what became of an effect that is UNKNOWN",
            takes=NewResolution,
            answers={200: answers.Done, 202: answers.Done},
            refuses=(*NOT_FOUND, *RESOLVING),
            links=OF_JOB,
        )
    }

    def post(self, request: Request, job_id: UUID) -> Response:
        job = job_of(request, job_id)
        answer = body_of(request, NewResolution)
        key = answer.pop("correlation_key")
        return signal_answer(job.pk, resolve(job.pk, key, answer, Sender(**rights_of(request))))


def signal_answer(job_id: UUID, verdict: str) -> Response:
    """One answer for every door that answers a wait."""
    open_still = verdict in (senders.KEPT, senders.PROPOSED)
    answer = {
        "job_id": job_id,
        "status": "pending" if verdict == senders.APPLIED else verdict,
        "message": senders.TOLD[verdict],
    }
    return Response(answer, status.HTTP_202_ACCEPTED if open_still else status.HTTP_200_OK)
