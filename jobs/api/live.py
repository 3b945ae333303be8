"""The doors for whoever waits: a job's result when it ends, and events as they are committed."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from aetheris.api.asynchronous import AsyncAPIView, read
from aetheris.api.contract import Link, Method
from aetheris.api.fields import Fields, query_of
from aetheris.api.permissions import JOB_VIEW
from aetheris.api.principals import tenant_of
from aetheris.core.errors import Refused
from aetheris.live.doorbell import Doorbell
from jobs import news
from jobs.api import answers, representation
from jobs.api.hub import following
from jobs.api.sse import MEDIA_TYPE, RECONNECT_MS, Batch, EventStream, follow, joined, opening, stream, written
from jobs.api.views import NOT_FOUND, job_of
from jobs.models import Job
from ledger.feed import Place, place_in
from ledger.models import Event

LONGEST_WAIT = 60.0
BATCH = 200
LAST_EVENT_ID = {
    "Last-Event-ID": {"type": "string", "description": "The last `id:` that came; what follows it comes next."}
}


class Waiting(Fields):
    wait = serializers.FloatField(
        min_value=0, max_value=LONGEST_WAIT, default=0, help_text="How many seconds the answer may take."
    )


class JobCursor(Fields):
    cursor = serializers.IntegerField(
        min_value=0, max_value=2**62, default=0, help_text="As `Last-Event-ID`, which comes first."
    )


class FeedCursor(Fields):
    cursor = serializers.RegexField(
        Place.PATTERN, required=False, help_text="As `Last-Event-ID`, which comes first; `0`: all that there is."
    )


STREAM = {
    "type": "object",
    "description": (
        "Server-sent events, each with these fields. Before the first one comes a long comment, which makes proxies "
        f"hand on what follows, `retry: {RECONNECT_MS}` and an `id:` to come back with; while there are no events, "
        "every 15 seconds (`AETHERIS_HEARTBEAT_SECONDS`) the comment `: still here`. A comment is no event. After ten "
        "minutes (`AETHERIS_STREAM_SECONDS`) the stream ends like a cut one: come back with `Last-Event-ID`."
    ),
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "description": "The cursor behind this event, for `Last-Event-ID`."},
        "event": {"type": "string", "description": "The type of the event."},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/Event"},
        },
    },
}


class Result(AsyncAPIView):
    """`GET ?wait=30` → 200 as soon as the job has ended, 202 when it has not in time."""

    permissions: ClassVar = {"GET": (JOB_VIEW,)}
    contract: ClassVar = {
        "GET": Method(
            name="get_result",
            does="A job's result, as soon as it ends",
            asks=Waiting,
            answers={200: answers.JobResult, 202: answers.JobResult},
            refuses=NOT_FOUND,
            links=(Link("get_job", "job_id", "job_id"),),
        )
    }

    async def get(self, request: Request, job_id: UUID) -> Response:
        wait = query_of(request, Waiting)["wait"]
        job, told = await read(partial(_result_of, request, job_id))
        if wait and not job.is_final:
            await _end_of(job, wait)
            job, told = await read(partial(_result_of, request, job_id))
        return Response(told, status.HTTP_200_OK if job.is_final else status.HTTP_202_ACCEPTED)


class JobStream(AsyncAPIView):
    """`GET` → the job's events as they are committed, from `Last-Event-ID` on; 204 when none will ever follow."""

    permissions: ClassVar = {"GET": (JOB_VIEW,)}
    renderer_classes = (EventStream,)
    contract: ClassVar = {
        "GET": Method(
            name="stream_job",
            does="A job's events as they are committed, until it ends",
            asks=JobCursor,
            headers=LAST_EVENT_ID,
            answers={200: STREAM, 204: None},
            refuses=(*NOT_FOUND, "INVALID_CURSOR"),
            media_type=MEDIA_TYPE,
        )
    }

    async def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        cursor = _last_seq(request, query_of(request, JobCursor)["cursor"])
        job = await read(partial(job_of, request, job_id))
        if cursor > job.seq:
            raise Refused(f"The job has {job.seq} events, and none behind {cursor}.", code="INVALID_CURSOR")
        first = await read(partial(_look_at_job, job, cursor))
        if first.ended and not first.text:
            return HttpResponse(status=status.HTTP_204_NO_CONTENT)
        return stream(self._frames(job, cursor))

    async def _frames(self, job: Job, cursor: int) -> AsyncIterator[bytes]:
        yield opening(str(cursor))
        async with following(job.pk, partial(news.hearing, job)) as scope:
            async for text in follow(scope, cursor, partial(_look_at_job, job)):
                yield text


class Stream(AsyncAPIView):
    """`GET` → the events of all jobs as they are committed: from `Last-Event-ID` on, or from now."""

    permissions: ClassVar = {"GET": (JOB_VIEW,)}
    renderer_classes = (EventStream,)
    contract: ClassVar = {
        "GET": Method(
            name="stream_events",
            does="The events of all jobs as they are committed",
            asks=FeedCursor,
            headers=LAST_EVENT_ID,
            answers={200: STREAM},
            refuses=("INVALID_CURSOR",),
            media_type=MEDIA_TYPE,
        )
    }

    async def get(self, request: Request) -> HttpResponseBase:
        asked = request.headers.get("Last-Event-ID") or query_of(request, FeedCursor).get("cursor")
        tenant = tenant_of(request.user)
        place = await read(partial(_beginning, asked))
        return stream(self._frames(tenant, place))

    async def _frames(self, tenant: str, place: Place) -> AsyncIterator[bytes]:
        yield opening(str(place))
        async with following(tenant, partial(news.hearing_all, tenant)) as scope:
            async for text in follow(scope, place, partial(_look_at_all, tenant)):
                yield text


def _result_of(request: Request, job_id: UUID) -> tuple[Job, dict[str, Any]]:
    job = job_of(request, job_id)
    return job, representation.result(job)


async def _end_of(job: Job, seconds: float) -> None:
    """Until the job has ended, or so long; it has ended when it is looked at, or a doorbell says so."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def ring(doorbell: Doorbell | None) -> None:
        if doorbell is None or doorbell.ended:
            loop.call_soon_threadsafe(ended.set)

    hearing = news.hearing(job, ring)
    await read(hearing.__enter__)
    try:
        if not await read(lambda: Job.objects.has_ended(job.pk)):
            async with asyncio.timeout(seconds):
                await ended.wait()
    except TimeoutError:
        return
    finally:
        hearing.__exit__(None, None, None)


def _last_seq(request: Request, cursor: int) -> int:
    given = request.headers.get("Last-Event-ID")
    if not given:
        return cursor
    if not (given.isascii() and given.isdecimal() and len(given) < 19):
        raise Refused("A job's events are numbered: Last-Event-ID is a number.", code="INVALID_CURSOR")
    return int(given)


def _beginning(asked: str | None) -> Place:
    """Where a stream of all events begins. Raises `Refused` (`INVALID_CURSOR`) for what this database never gave."""
    horizon = Event.objects.horizon()
    if asked is None:
        return Place(horizon)
    place = place_in(asked)
    if place.horizon > horizon:
        raise Refused("This cursor comes from another database.", code="INVALID_CURSOR")
    return place


def _look_at_job(job: Job, after: int) -> Batch[int]:
    """Where the job stands is read first: what has ended then has no event that is missing here."""
    ((_, seq, has_ended),) = Job.objects.standing([job.pk])
    events = list(Event.objects.stream(job.pk, after)[:BATCH])
    payloads = Event.objects.told(job.pk, events)
    listed = representation.events(events, payloads, Event.objects.hash_at(job.pk, after))
    cursor = events[-1].seq if events else after
    frames = (written(str(event["seq"]), event) for event in listed)
    return Batch(joined(frames), cursor, more=len(events) == BATCH, ended=has_ended and cursor >= seq)


def _look_at_all(tenant: str, after: Place) -> Batch[Place]:
    """All that is before the horizon; what is behind it already will be before it soon."""
    horizon = Event.objects.horizon()
    events = Event.objects.feed(tenant, after, horizon, BATCH)
    more = len(events) == BATCH
    frames = (written(str(place), event) for place, event in _told(events))
    return Batch(
        joined(frames),
        Place.of(events[-1]) if more else Place(horizon),
        more=more,
        soon=not more and Event.objects.is_ahead(tenant, horizon),
    )


def _told(events: list[Event]) -> list[tuple[Place, dict[str, Any]]]:
    """Each event with its place, as the list of its job's events has it."""
    payloads = Event.objects.told_of_jobs(events)
    before = Event.objects.hashes_before(events)
    return [(Place.of(event), representation.event(event, payloads[event.pk], before[event.pk])) for event in events]
