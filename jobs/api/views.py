"""The doors to jobs: find them, look at one, stop it."""

from typing import ClassVar
from uuid import UUID

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aetheris.api.contract import Link, Method
from aetheris.api.fields import Fields, Page, Text, body_of, next_cursor, query_of
from aetheris.api.permissions import JOB_CREATE, JOB_STOP, JOB_VIEW
from aetheris.api.principals import principal_of, tenant_of
from aetheris.core.errors import Refused
from jobs.api import answers, representation
from jobs.api.replay import replay_answer
from jobs.engine.cancel import cancel
from jobs.engine.requeue import requeue
from jobs.engine.transaction import committing
from jobs.models import Job, Node
from jobs.states import JobState, Outcome
from ledger.models import Event
from signals_app.models import Wait

EVENTS_PAGE = 200
NOT_FOUND = ("JOB_NOT_FOUND",)
LEADS_TO = ("list_events", "replay_job", "trace_job", "stop_job", "retry_job")


class JobFilter(Page):
    status = serializers.ChoiceField(JobState.choices, required=False)
    outcome = serializers.ChoiceField(Outcome.choices, required=False)
    agent = Text(max_length=200, required=False)
    requested_by = Text(max_length=255, required=False, help_text="A principal, as `requested_by` of a job has it.")
    search = Text(max_length=200, required=False, help_text="A part of the goal, in any case of letters.")
    created_after = serializers.DateTimeField(required=False)
    created_before = serializers.DateTimeField(required=False)


class EventFilter(Fields):
    cursor = serializers.IntegerField(min_value=0, max_value=2**62, default=0)
    limit = serializers.IntegerField(min_value=1, max_value=EVENTS_PAGE, default=EVENTS_PAGE)


class ReplayStep(Fields):
    step_node_id = Text(max_length=200, required=False)


class StopReason(Fields):
    example: ClassVar = {"reason": "ordered by mistake"}

    reason = Text(max_length=1000, required=False, allow_blank=True, default="")


def job_of(request: Request, job_id: UUID) -> Job:
    """A job of the caller's tenant; another tenant's does not exist."""
    job = Job.objects.of_tenant(tenant_of(request.user)).filter(pk=job_id).first()
    if job is None:
        raise Refused(f"There is no job {job_id}.", code="JOB_NOT_FOUND")
    return job


class Jobs(APIView):
    """`GET` → the newest jobs first, by what is asked for."""

    permissions: ClassVar = {"GET": (JOB_VIEW,)}
    contract: ClassVar = {
        "GET": Method(
            name="list_jobs",
            does="Find jobs, the newest first",
            asks=JobFilter,
            answers={200: answers.JobList},
            links=(Link("get_job", "job_id", "jobs/0/id"), Link("list_jobs", "cursor", "next_cursor")),
        )
    }

    def get(self, request: Request) -> Response:
        wanted = query_of(request, JobFilter)
        limit = wanted.pop("limit")
        page = list(Job.objects.of_tenant(tenant_of(request.user)).newest_first(**wanted)[:limit])
        jobs = [representation.summary(job) for job in page]
        return Response({"jobs": jobs, "next_cursor": next_cursor(page, limit)})


class JobDetail(APIView):
    """`GET` → one job, with its nodes, its result or error, and what it waits for."""

    permissions: ClassVar = {"GET": (JOB_VIEW,)}
    contract: ClassVar = {
        "GET": Method(
            name="get_job",
            does="One job with its nodes and what it waits for",
            answers={200: answers.JobDetail},
            refuses=NOT_FOUND,
            links=tuple(Link(to, "job_id", "id") for to in LEADS_TO),
        )
    }

    def get(self, request: Request, job_id: UUID) -> Response:
        job = job_of(request, job_id)
        nodes = Node.objects.of_job(job.pk)
        return Response(representation.detail(job, nodes, Wait.objects.open(job.pk)))


class Events(APIView):
    """`GET ?cursor&limit` → the job's events behind `cursor`, in order; `next_cursor` asks for what follows."""

    permissions: ClassVar = {"GET": (JOB_VIEW,)}
    contract: ClassVar = {
        "GET": Method(
            name="list_events",
            does="A job's events behind a cursor, in order",
            asks=EventFilter,
            answers={200: answers.EventPage},
            refuses=NOT_FOUND,
        )
    }

    def get(self, request: Request, job_id: UUID) -> Response:
        job = job_of(request, job_id)
        page = query_of(request, EventFilter)
        events = list(Event.objects.stream(job.pk, page["cursor"])[: page["limit"]])
        payloads = Event.objects.told(job.pk, events)
        listed = representation.events(events, payloads, Event.objects.hash_at(job.pk, page["cursor"]))
        cursor = events[-1].seq if events else page["cursor"]
        return Response({"job_id": job.pk, "events": listed, "next_cursor": cursor})


class Stop(APIView):
    """`POST {reason}` → the job starts nothing more; `cancelled`, or `cancelling` while a call or a doubt lasts."""

    permissions: ClassVar = {"POST": (JOB_STOP,)}
    contract: ClassVar = {
        "POST": Method(
            name="stop_job",
            does="Stop a job: nothing more is started",
            takes=StopReason,
            answers={200: answers.Done},
            refuses=(*NOT_FOUND, "JOB_FINISHED", "VALUE_NOT_CANONICAL"),
            links=(Link("get_job", "job_id", "job_id"),),
        )
    }

    def post(self, request: Request, job_id: UUID) -> Response:
        job = job_of(request, job_id)
        reason = body_of(request, StopReason)["reason"]
        stopped = cancel(job.pk, actor=principal_of(request.user), reason=reason)
        if stopped.is_final:
            state, message = stopped.state, "The job is stopped."
        else:
            state, message = "cancelling", "The job starts nothing more; it ends with what runs or is in doubt."
        return Response({"job_id": job.pk, "status": state, "message": message}, status.HTTP_200_OK)


class Retry(APIView):
    """`POST {reason}` → a failed job goes on where it failed."""

    permissions: ClassVar = {"POST": (JOB_CREATE,)}
    contract: ClassVar = {
        "POST": Method(
            name="retry_job",
            does="Let a failed job go on where it failed",
            takes=StopReason,
            answers={202: answers.Done},
            refuses=(*NOT_FOUND, "JOB_NOT_FAILED", "CANNOT_RETRY", "VALUE_NOT_CANONICAL"),
            links=(Link("get_job", "job_id", "job_id"),),
        )
    }

    def post(self, request: Request, job_id: UUID) -> Response:
        job = job_of(request, job_id)
        reason = body_of(request, StopReason)["reason"]
        requeued = requeue(job.pk, actor=principal_of(request.user), reason=reason)
        answer = {"job_id": job.pk, "status": requeued.state, "message": "The job goes on where it failed."}
        return Response(answer, status.HTTP_202_ACCEPTED)


class Replay(APIView):
    """`GET ?step_node_id` → the job rebuilt from its events, compared with its rows. Calls nothing."""

    permissions: ClassVar = {"GET": (JOB_VIEW,)}
    contract: ClassVar = {
        "GET": Method(
            name="replay_job",
            does="Rebuild a job from its events alone, and compare it with its rows",
            asks=ReplayStep,
            answers={200: answers.Replay},
            refuses=(*NOT_FOUND, "NODE_NOT_FOUND"),
        )
    }

    def get(self, request: Request, job_id: UUID) -> Response:
        wanted = query_of(request, ReplayStep)
        # One snapshot for events and rows: what moves meanwhile must not look like a difference.
        with committing("replay"):
            Job.objects.read_one_snapshot()
            return Response(replay_answer(job_of(request, job_id), wanted.get("step_node_id", "")))
