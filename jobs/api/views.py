"""The doors to agents and jobs."""

import re
from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aetheris.api.permissions import APPROVAL_DECIDE, JOB_CREATE, JOB_STOP, JOB_VIEW
from aetheris.api.principals import principal_of, rights_of, tenant_of
from aetheris.core import registry
from aetheris.core.errors import Refused
from aetheris.core.priority import FIRST, LAST
from jobs.api import representation
from jobs.api.replay import replay_answer
from jobs.engine import message as messages
from jobs.engine import sender as senders
from jobs.engine.cancel import cancel
from jobs.engine.possible import Resolution
from jobs.engine.resolve import resolve
from jobs.engine.sender import Sender
from jobs.engine.signal import signal
from jobs.engine.submit import submit
from jobs.engine.transaction import committing
from jobs.models import Job, Node
from jobs.states import JobState
from ledger.models import Event
from signals_app.models import Wait

PAGE = 20
LONGEST_PAGE = 100
EVENTS_PAGE = 200
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class _Message(serializers.Serializer[None]):
    message = serializers.CharField(max_length=100_000)
    priority = serializers.IntegerField(min_value=FIRST, max_value=LAST, required=False)


class _Resolution(serializers.Serializer[None]):
    correlation_key = serializers.CharField(max_length=500)
    resolution = serializers.ChoiceField([choice.value for choice in Resolution])
    result = serializers.JSONField(required=False)
    reason = serializers.CharField(max_length=10_000, required=False, allow_blank=True, default="")


class _Signal(serializers.Serializer[None]):
    correlation_key = serializers.CharField(max_length=200)
    payload = serializers.DictField()


class _Stop(serializers.Serializer[None]):
    reason = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")


class _Letter(serializers.Serializer[None]):
    message_id = serializers.CharField(max_length=200)
    payload = serializers.DictField()
    channel = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    correlation_key = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class _JobFilter(serializers.Serializer[None]):
    status = serializers.ChoiceField(JobState.choices, required=False)
    agent = serializers.CharField(max_length=200, required=False)
    cursor = serializers.UUIDField(required=False)
    limit = serializers.IntegerField(min_value=1, max_value=LONGEST_PAGE, default=PAGE)


class _EventPage(serializers.Serializer[None]):
    cursor = serializers.IntegerField(min_value=0, max_value=2**62, default=0)
    limit = serializers.IntegerField(min_value=1, max_value=EVENTS_PAGE, default=EVENTS_PAGE)


class _ReplayStep(serializers.Serializer[None]):
    step_node_id = serializers.CharField(max_length=200, required=False, default="")


def checked(kind: type[serializers.Serializer[None]], data: Any) -> dict[str, Any]:
    """The validated fields of a request. Raises DRF's `ValidationError`, which names each."""
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def idempotency_key(request: Request) -> str:
    """The key of a request; empty without one. Raises `Refused` (`INVALID_IDEMPOTENCY_KEY`) for what is none."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise Refused(
            "An Idempotency-Key is 1 to 255 visible ASCII characters, without spaces.", code="INVALID_IDEMPOTENCY_KEY"
        )
    return key or ""


def job_of(request: Request, job_id: UUID) -> Job:
    """A job of the caller's tenant; another tenant's does not exist."""
    job = Job.objects.of_tenant(tenant_of(request.user)).filter(pk=job_id).first()
    if job is None:
        raise Refused(f"There is no job {job_id}.", code="JOB_NOT_FOUND")
    return job


class Agents(APIView):
    """`GET` → the agents that this installation's code defines."""

    permissions: ClassVar = {"GET": (JOB_VIEW, JOB_CREATE)}

    def get(self, request: Request) -> Response:
        agents = [representation.agent(planner) for planner in registry.agents]
        return Response({"agents": agents, "total": len(agents)})


class Message(APIView):
    """`POST {message, priority?}`, optional `Idempotency-Key` → 202 and the job that it makes, or made before."""

    permissions: ClassVar = {"POST": (JOB_CREATE,)}

    def post(self, request: Request, agent: str) -> Response:
        body = checked(_Message, request.data)
        submitted = submit(
            agent,
            body["message"],
            tenant=tenant_of(request.user),
            requested_by=principal_of(request.user),
            idempotency_key=idempotency_key(request),
            priority=body.get("priority"),
        )
        answer = {"job_id": submitted.job_id, "agent_id": agent, "status": "accepted"}
        return Response(answer, status.HTTP_202_ACCEPTED)


class Jobs(APIView):
    """`GET ?status&agent&cursor&limit` → the newest jobs first."""

    permissions: ClassVar = {"GET": (JOB_VIEW,)}

    def get(self, request: Request) -> Response:
        wanted = checked(_JobFilter, request.query_params)
        jobs = Job.objects.of_tenant(tenant_of(request.user)).newest_first(
            state=wanted.get("status"), agent=wanted.get("agent"), before=wanted.get("cursor")
        )
        page = list(jobs[: wanted["limit"]])
        full = len(page) == wanted["limit"]
        return Response(
            {
                "jobs": [representation.summary(job) for job in page],
                "next_cursor": page[-1].pk if full else None,
            }
        )


class JobDetail(APIView):
    """`GET` → one job, with its nodes, its result or error, and what it waits for."""

    permissions: ClassVar = {"GET": (JOB_VIEW,)}

    def get(self, request: Request, job_id: UUID) -> Response:
        job = job_of(request, job_id)
        nodes = Node.objects.of_job(job.pk)
        return Response(representation.detail(job, nodes, Wait.objects.open(job.pk)))


class Events(APIView):
    """`GET ?cursor&limit` → the job's events behind `cursor`, in order; `next_cursor` asks for what follows."""

    permissions: ClassVar = {"GET": (JOB_VIEW,)}

    def get(self, request: Request, job_id: UUID) -> Response:
        job = job_of(request, job_id)
        page = checked(_EventPage, request.query_params)
        events = list(Event.objects.stream(job.pk, page["cursor"])[: page["limit"]])
        payloads = Event.objects.told(job.pk, events)
        listed = representation.events(events, payloads, Event.objects.hash_at(job.pk, page["cursor"]))
        cursor = events[-1].seq if events else page["cursor"]
        return Response({"job_id": job.pk, "events": listed, "next_cursor": cursor})


class MessageToJob(APIView):
    """`POST {message_id, payload, channel?, correlation_key?}` → into the job's mailbox, taken by one wait at most."""

    permissions: ClassVar = {"POST": (JOB_CREATE,)}

    def post(self, request: Request, job_id: UUID) -> Response:
        job = job_of(request, job_id)
        letter = messages.Letter(**checked(_Letter, request.data))
        verdict = messages.message(job.pk, letter, Sender(**rights_of(request.user)))
        return signal_answer(job.pk, verdict)


class Signal(APIView):
    """`POST {correlation_key, payload}` → answers a wait. What people decide needs the right to decide."""

    permissions: ClassVar = {"POST": (JOB_CREATE, APPROVAL_DECIDE)}

    def post(self, request: Request, job_id: UUID) -> Response:
        job = job_of(request, job_id)
        body = checked(_Signal, request.data)
        sender = Sender(**rights_of(request.user))
        verdict = signal(job.pk, body["correlation_key"], body["payload"], sender)
        return signal_answer(job.pk, verdict)


class Resolve(APIView):
    """`POST {correlation_key, resolution, result?, reason?}` → says what became of an effect in doubt."""

    permissions: ClassVar = {"POST": (APPROVAL_DECIDE,)}

    def post(self, request: Request, job_id: UUID) -> Response:
        job = job_of(request, job_id)
        answer = checked(_Resolution, request.data)
        key = answer.pop("correlation_key")
        return signal_answer(job.pk, resolve(job.pk, key, answer, Sender(**rights_of(request.user))))


def signal_answer(job_id: UUID, verdict: str) -> Response:
    """One answer for every door that answers a wait."""
    open_still = verdict in (senders.KEPT, senders.PROPOSED)
    answer = {
        "job_id": job_id,
        "status": "pending" if verdict == senders.APPLIED else verdict,
        "message": senders.TOLD[verdict],
    }
    return Response(answer, status.HTTP_202_ACCEPTED if open_still else status.HTTP_200_OK)


class Stop(APIView):
    """`POST {reason}` → the job starts nothing more; `cancelled`, or `cancelling` while a call or a doubt lasts."""

    permissions: ClassVar = {"POST": (JOB_STOP,)}

    def post(self, request: Request, job_id: UUID) -> Response:
        job = job_of(request, job_id)
        reason = checked(_Stop, request.data)["reason"]
        stopped = cancel(job.pk, actor=principal_of(request.user), reason=reason)
        if stopped.is_final:
            state, message = stopped.state, "The job is stopped."
        else:
            state, message = "cancelling", "The job starts nothing more; it ends with what runs or is in doubt."
        return Response({"job_id": job.pk, "status": state, "message": message})


class Replay(APIView):
    """`GET ?step_node_id` → the job rebuilt from its events, compared with its rows. Calls nothing."""

    permissions: ClassVar = {"GET": (JOB_VIEW,)}

    def get(self, request: Request, job_id: UUID) -> Response:
        wanted = checked(_ReplayStep, request.query_params)
        # One snapshot for events and rows: what moves meanwhile must not look like a difference.
        with committing("replay"):
            Job.objects.read_one_snapshot()
            return Response(replay_answer(job_of(request, job_id), wanted["step_node_id"]))
