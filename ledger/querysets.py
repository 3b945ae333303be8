"""All SQL of this app."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.db import connection, models
from django.db.models import Q

from aetheris.core.canonical import dumps_around, shown
from ledger.event_types import CATEGORY, EventType
from ledger.states import EntryState

if TYPE_CHECKING:
    from jobs.models import Agent, Job
    from ledger.feed import Place
    from ledger.models import Entry, Event


BODY = "_body"

# The statement's own clock is taken once, and only if the agent is there.
_FIRST = """
    SELECT written.seq, written.head, written.now
      FROM (SELECT aetheris_now() AS now FROM jobs_agent WHERE id = %s) AS begun
     CROSS JOIN jsonb_array_elements(%s) WITH ORDINALITY AS new(changes, place)
     CROSS JOIN LATERAL aetheris_write(
           (new.changes -> 'new_job' ->> 'id')::uuid, 0, begun.now, new.changes || jsonb_build_object(
               'new_job', new.changes -> 'new_job' || jsonb_build_object(
                   'created_at', begun.now,
                   'deadline_at', begun.now + make_interval(secs => (new.changes ->> 'patience')::float8)),
               'new_nodes', jsonb_set(new.changes -> 'new_nodes', '{0,rung_at}', to_jsonb(begun.now)))) AS written
     ORDER BY new.place
    """


class NewEvent(NamedTuple):
    """An event to append. `payload` is canonical text, `nonce` 16 random bytes."""

    type: EventType
    actor: str
    node: str
    span: str
    payload: str
    nonce: bytes


def is_unreadable(payload: dict[str, Any]) -> bool:
    """Whether a payload, as it is told, is not what was written: no object, or without one of its bodies."""
    return "unreadable" in payload or any(_is_body(*item) for item in payload.items())


def _object(payload: str) -> dict[str, Any]:
    value = shown(payload)
    return value if isinstance(value, dict) else {"unreadable": payload}


def _is_body(name: str, value: Any) -> bool:
    return name.endswith(BODY) and isinstance(value, str)


class EventQuerySet(models.QuerySet["Event"]):
    def append(self, job_id: UUID, events: Sequence[NewEvent]) -> tuple[int, bytes]:
        """Append to a job that the caller has locked; the job's new `seq` and `head`."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT seq, head FROM aetheris_append_events(%s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    job_id,
                    [event.type.value for event in events],
                    [CATEGORY[event.type].value for event in events],
                    [event.actor for event in events],
                    [event.node for event in events],
                    [event.span for event in events],
                    [event.payload for event in events],
                    [event.nonce for event in events],
                ],
            )
            seq, head = cursor.fetchone() or (0, b"")
        return int(seq), bytes(head)

    def record(
        self, job: Job, now: datetime, changes: str, meanwhile: Callable[[], None] | None = None
    ) -> tuple[int, bytes, datetime] | None:
        """Write changed rows of a job, as JSON, and its events, in one statement; its new `seq` and `head` and the
        database's clock. None, with nothing written, if its `seq` is another one or `now` is a second off.
        `meanwhile` is called while the database is at work, and must send it nothing itself."""
        database: Any = connection
        with database.prepared_cursor(meanwhile) as cursor:
            cursor.execute(
                "SELECT seq, head, now FROM aetheris_write(%s, %s::bigint, %s, %s)", [job.pk, job.seq, now, changes]
            )
            seq, head, at = cursor.fetchone() or (None, b"", now)
        return None if seq is None else (int(seq), bytes(head), at)

    def record_first(
        self, agent: Agent, changes: Sequence[str], meanwhile: Callable[[], None] | None = None
    ) -> list[tuple[int, bytes, datetime] | None]:
        """As `record`, for jobs of an agent that are not stored yet, one after the other: their first nodes become due,
        and their time begins, by the database's clock. None for a job of which nothing was written, because its key was
        used before. Raises `Agent.DoesNotExist` if the agent is not there."""
        database: Any = connection
        with database.prepared_cursor(meanwhile) as cursor:
            cursor.execute(_FIRST, [agent.pk, f"[{','.join(changes)}]"])
            said = cursor.fetchall()
        if not said:
            raise agent.DoesNotExist(f"{agent} is not there")
        return [None if seq is None else (int(seq), bytes(head), at) for seq, head, at in said]

    def record_steps(self, jobs: str, rows: str) -> tuple[dict[UUID, tuple[int, bytes, datetime]], set[UUID]]:
        """Write changed rows of several jobs, as JSON, and their events, in one statement. What it says of the jobs
        that it wrote, as `record` does, and which of them somebody holds: these are left alone."""
        database: Any = connection
        with database.prepared_cursor() as cursor:
            cursor.execute("SELECT id, seq, head, now, is_locked FROM aetheris_write_steps(%s, %s)", [jobs, rows])
            said = cursor.fetchall()
        locked = {job_id for job_id, *_, is_locked in said if is_locked}
        landed = {job_id: (int(seq), bytes(head), at) for job_id, seq, head, at, is_locked in said if not is_locked}
        return landed, locked

    def stream(self, job_id: UUID, after: int = 0) -> EventQuerySet:
        """A job's events behind `after`, in order."""
        return self.filter(job_id=job_id, seq__gt=after).order_by("seq")

    def told(self, job_id: UUID, events: Sequence[Event]) -> list[dict[str, Any]]:
        """The payloads of a job's events with every body put back, in at most two queries.

        A payload that somebody made no object is told as `{"unreadable": text}`; a body that is gone or was altered
        stays a digest, under its field's name and `_body`.
        """
        payloads = [_object(event.payload) for event in events]
        bodies = self.model._meta.apps.get_model("jobs", "Body")
        stored = {value for payload in payloads for name, value in payload.items() if _is_body(name, value)}
        texts = bodies.objects.texts(job_id, stored)

        def told(name: str, value: Any) -> tuple[str, Any]:
            found = _is_body(name, value) and texts[value] != value
            return (name.removesuffix(BODY), shown(texts[value])) if found else (name, value)

        return [dict(told(*item) for item in payload.items()) for payload in payloads]

    def told_of_jobs(self, events: Sequence[Event]) -> dict[Any, dict[str, Any]]:
        """The same for events of several jobs: their keys → payloads."""
        of_jobs: dict[UUID, list[Event]] = {}
        for event in events:
            of_jobs.setdefault(event.job_id, []).append(event)
        return {
            event.pk: payload
            for job_id, listed in of_jobs.items()
            for event, payload in zip(listed, self.told(job_id, listed), strict=True)
        }

    def hashes_before(self, events: Sequence[Event]) -> dict[Any, bytes]:
        """Key → the hash of the event before it in its job, in at most one query."""
        hashes = {(event.job_id, event.seq): bytes(event.hash) for event in events}
        missing = [(job_id, seq - 1) for job_id, seq in hashes if seq > 1 and (job_id, seq - 1) not in hashes]
        found = self.filter(pk__in=missing).values_list("job_id", "seq", "hash") if missing else ()
        hashes |= {(job_id, seq): bytes(stored) for job_id, seq, stored in found}
        return {event.pk: hashes.get((event.job_id, event.seq - 1), b"") for event in events}

    def horizon(self) -> int:
        """Before which place nothing can be committed any more: the oldest transaction that is still open."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
            row = cursor.fetchone()
        assert row is not None  # noqa: S101  a SELECT without FROM gives one row
        return int(row[0])

    def feed(self, tenant: str, after: Place, horizon: int, limit: int) -> list[Event]:
        """A tenant's events behind a place and before the horizon, in the one order of all events."""
        behind = Q(placed__gt=after.horizon) | Q(
            Q(job_id__gt=after.job_id) | Q(job_id=after.job_id, seq__gt=after.seq), placed=after.horizon
        )
        found = self.filter(behind, tenant=tenant, placed__gte=after.horizon, placed__lt=horizon)
        return list(found.order_by("placed", "job_id", "seq")[:limit])

    def is_ahead(self, tenant: str, horizon: int) -> bool:
        """Whether events are committed whose turn has not come."""
        return self.filter(tenant=tenant, placed__gte=horizon).exists()

    def arguments_of(self, entry: Entry) -> str:
        """The canonical arguments that an effect was opened with, as its first event tells them."""
        opened = self.filter(job_id=entry.job_id, node=entry.node, type=EventType.TOOL_INVOCATION_STARTED)
        told = self.told(entry.job_id, list(opened.order_by("seq")))
        return next(dumps_around(each["arguments"]) for each in told if each["invocation_id"] == entry.idempotency_key)

    def hash_at(self, job_id: UUID, seq: int) -> bytes:
        """The hash of one event; empty for the beginning of the stream."""
        found = self.filter(job_id=job_id, seq=seq).values_list("hash", flat=True).first()
        return bytes(found) if found else b""


class EntryQuerySet(models.QuerySet["Entry"]):
    def live(self, job_id: UUID, step_id: str) -> Entry | None:
        """The one entry of this effect that has not failed."""
        return self.filter(job_id=job_id, step_id=step_id).exclude(state=EntryState.FAILED).first()

    def of_job(self, job_id: UUID) -> EntryQuerySet:
        """All attempts at all effects of a job, in the order of opening."""
        return self.filter(job_id=job_id).order_by("opened_at", "step_id", "attempt")

    def of_attempt(self, job_id: UUID, step_id: str, attempt: int) -> Entry | None:
        """One attempt at an effect, whatever became of it."""
        return self.filter(job_id=job_id, step_id=step_id, attempt=attempt).first()

    def last_attempt(self, job_id: UUID, step_id: str) -> Entry | None:
        """The last attempt at an effect, whatever became of it."""
        return self.filter(job_id=job_id, step_id=step_id).order_by("-attempt").first()

    def committed_before(self, job_id: UUID, tools: Sequence[str], moment: datetime) -> list[Entry]:
        """Calls of these tools that were recorded as having happened before a moment, the oldest first."""
        found = self.filter(job_id=job_id, tool__in=tools, state=EntryState.COMMITTED, settled_at__lte=moment)
        return list(found.filter(error__isnull=True).order_by("settled_at", "step_id"))

    def committed_steps(self, job_id: UUID, step_ids: Sequence[str]) -> set[str]:
        """Those of these effects that happened."""
        found = (
            self.filter(job_id=job_id, step_id__in=step_ids, state=EntryState.COMMITTED) if step_ids else self.none()
        )
        return set(found.values_list("step_id", flat=True))

    def undecided_of(self, job_id: UUID, node: str) -> list[Entry]:
        """A node's effects that are neither known to have happened nor not to have, in the order of opening."""
        open_states = (EntryState.STARTED, EntryState.UNKNOWN)
        return list(self.filter(job_id=job_id, node=node, state__in=open_states).order_by("opened_at"))

    def unknown_of(self, job_id: UUID, node: str) -> Entry:
        """The effect that the open question of a node is about."""
        return self.get(job_id=job_id, node=node, state=EntryState.UNKNOWN)

    def of_nodes(self, places: Collection[tuple[UUID, str]]) -> list[Entry]:
        """All that was tried by nodes, given as (job, path), in the order of opening."""
        jobs, nodes = {job_id for job_id, _ in places}, {path for _, path in places}
        found = self.filter(job_id__in=jobs, node__in=nodes).order_by("opened_at")
        return [entry for entry in found if (entry.job_id, entry.node) in places]

    def of_steps(self, steps: Collection[tuple[UUID, str]]) -> list[Entry]:
        """All that was tried of these effects, given as (job, step)."""
        jobs, names = {job_id for job_id, _ in steps}, {step_id for _, step_id in steps}
        found = self.filter(job_id__in=jobs, step_id__in=names)
        return [entry for entry in found if (entry.job_id, entry.step_id) in steps]

    def states(self, job_id: UUID) -> dict[str, tuple[str, str | None]]:
        """Idempotency key → state and result, in its stored form, of all the job's entries."""
        found = self.filter(job_id=job_id).values_list("idempotency_key", "state", "result")
        return {key: (state, result) for key, state, result in found}

    def of_step(self, job_id: UUID, step_id: str) -> list[Entry]:
        """All attempts at an effect."""
        return list(self.filter(job_id=job_id, step_id=step_id))

    def attempts(self, job_id: UUID, step_id: str) -> int:
        return self.filter(job_id=job_id, step_id=step_id).count()

    def compare_and_set(self, entry: Entry, **columns: Any) -> bool:
        """Change an entry that still has the state and sends it was read with; whether it landed."""
        same = self.filter(
            job_id=entry.job_id,
            step_id=entry.step_id,
            attempt=entry.attempt,
            state=entry.state,
            sends=entry.sends,
        )
        return same.update(**columns) == 1
