"""All SQL of this app."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models
from django.db.models import Count, Min, Q

from jobs.whole_rows import whole_rows
from signals_app.states import DECIDED_BY_PEOPLE, WORLD, ApprovalState, WaitKind, WaitState

if TYPE_CHECKING:
    from signals_app.models import Approval, Message, Signal, UnknownOutcome, Wait


_ABOUT_THE_WORLD = Q(kind=WaitKind.RESOLUTION, correlation_key__startswith=WORLD)
_ABOUT_AN_EFFECT = Q(kind=WaitKind.RESOLUTION) & ~_ABOUT_THE_WORLD


def _of_question(key: str) -> Q:
    return Q(correlation_key=key) | Q(correlation_key__startswith=f"{key}:")


class WaitQuerySet(models.QuerySet["Wait"]):
    def at(self, job_id: UUID, correlation_key: str) -> Wait | None:
        """The wait to which this correlation key belongs."""
        tail = "FROM signals_app_wait WHERE job_id = %s AND correlation_key = %s"
        return next((wait for wait, _ in whole_rows((self.model,), tail, [job_id, correlation_key])), None)

    def of_node(self, job_id: UUID, node: str) -> Wait:
        """The wait that was declared with this wait node."""
        tail = "FROM signals_app_wait WHERE job_id = %s AND node = %s AND kind <> %s"
        wait: Wait
        ((wait, _),) = whole_rows((self.model,), tail, [job_id, node, WaitKind.RESOLUTION.value])
        return wait

    def of_nodes(self, job_id: UUID, nodes: Sequence[str]) -> list[Wait]:
        """The waits that were declared with these wait nodes."""
        return list(self.filter(job_id=job_id, node__in=nodes).exclude(kind=WaitKind.RESOLUTION))

    def states(self, job_id: UUID) -> dict[str, str]:
        """Correlation key → state of all the job's waits."""
        return dict(self.filter(job_id=job_id).values_list("correlation_key", "state"))

    def open(self, job_id: UUID) -> WaitQuerySet:
        return self.filter(job_id=job_id, state=WaitState.OPEN).order_by("opened_at")

    def open_of_tenant(self, tenant: str, kind: str | None = None, agent: str | None = None) -> WaitQuerySet:
        """All that jobs of a tenant wait for, those of the newest jobs first."""
        wanted = {"kind": kind, "job__agent__name": agent}
        given = {name: value for name, value in wanted.items() if value}
        return self.filter(tenant=tenant, state=WaitState.OPEN, **given).order_by("-job_id", "correlation_key")

    def parked_longest(self, tenant: str, limit: int) -> list[Wait]:
        """What the parked jobs of a tenant have waited for longest."""
        parked = self.filter(tenant=tenant, state=WaitState.OPEN, park=True).order_by("opened_at")
        return list(parked.select_related("job", "job__agent")[:limit])

    def jobs(self, before: UUID | None, limit: int) -> list[UUID]:
        """The jobs of these waits, newest first; `before` continues a page."""
        found = self.filter(job_id__lt=before) if before else self
        return list(found.order_by("-job_id").values_list("job_id", flat=True).distinct()[:limit])

    def of_jobs(self, job_ids: Sequence[UUID]) -> list[Wait]:
        """Those of these waits that belong to these jobs."""
        return list(self.filter(job_id__in=job_ids).select_related("job", "job__agent"))

    def for_messages(self, job_id: UUID) -> list[Wait]:
        """Open waits that take messages, the oldest first."""
        return list(self.open(job_id).filter(kind=WaitKind.MESSAGE))

    def asked_about(self, job_id: UUID, key: str) -> Wait | None:
        """The open question about the effect whose questions have this key."""
        return self.open(job_id).filter(_of_question(key)).first()

    def next_question(self, job_id: UUID, key: str) -> str:
        """A correlation key for one more question about the same effect: `key`, then `key:2`, …"""
        asked = self.filter(_of_question(key), job_id=job_id).count()
        return f"{key}:{asked + 1}" if asked else key

    def doubtful_nodes(self, job_id: UUID) -> list[str]:
        """Nodes that wait to hear what became of their effect."""
        return list(self.open(job_id).filter(_ABOUT_AN_EFFECT).values_list("node", flat=True))

    def about_the_world(self, job_id: UUID) -> list[Wait]:
        """Open questions whether the job goes on in a world that has changed, the oldest first."""
        return list(self.open(job_id).filter(_ABOUT_THE_WORLD))

    def due(self, now: datetime, limit: int) -> list[tuple[UUID, str]]:
        """Open waits whose time is over, longest first: (job, correlation key)."""
        late = self.filter(state=WaitState.OPEN, expires_at__lte=now).order_by("expires_at")
        return list(late.values_list("job_id", "correlation_key")[:limit])

    def compare_and_set(self, wait: Wait, **columns: Any) -> bool:
        """Change a wait that still has the state it was read with; whether it landed."""
        same = self.filter(job_id=wait.job_id, correlation_key=wait.correlation_key, state=wait.state)
        return same.update(**columns) == 1

    def cancel_of(self, job_id: UUID, nodes: Sequence[str], now: datetime) -> int:
        """Cancel the waits of nodes that are skipped or have failed: their keys take no signal any more."""
        unended = self.filter(job_id=job_id, node__in=nodes, state__in=(WaitState.DECLARED, WaitState.OPEN))
        return unended.exclude(_ABOUT_AN_EFFECT).update(state=WaitState.CANCELLED, ended_at=now)

    def cancel_all(self, job_id: UUID, now: datetime) -> int:
        """Cancel all waits of a job that starts nothing more, but those that ask what became of an effect."""
        unended = self.filter(job_id=job_id, state__in=(WaitState.DECLARED, WaitState.OPEN))
        return unended.exclude(_ABOUT_AN_EFFECT).update(state=WaitState.CANCELLED, ended_at=now)


class UnknownOutcomeQuerySet(models.QuerySet["UnknownOutcome"]):
    def of_tenant(self, tenant: str) -> UnknownOutcomeQuerySet:
        """The tenant's questions about unknown effects, newest first."""
        questions = self.filter(tenant=tenant, kind=WaitKind.RESOLUTION)
        return questions.select_related("job", "job__agent").order_by("-id")

    def longest_open(self, tenants: Sequence[str], limit: int) -> tuple[int, datetime | None]:
        """How many are open, so many at most, and since when the first of them is."""
        open_ones = self.filter(tenant__in=tenants, kind=WaitKind.RESOLUTION, state=WaitState.OPEN).order_by()[:limit]
        found = open_ones.aggregate(number=Count("pk"), since=Min("opened_at"))
        return found["number"], found["since"]

    def page(self, state: str, before: UUID | None, limit: int) -> list[UnknownOutcome]:
        """Those in this state, in their order; `before` continues a page."""
        found = self.filter(state=state)
        return list((found.filter(pk__lt=before) if before else found)[:limit])


class SignalQuerySet(models.QuerySet["Signal"]):
    def first_for(self, job_id: UUID, correlation_key: str) -> Signal | None:
        return self.filter(job_id=job_id, correlation_key=correlation_key).first()

    def mark_applied(self, signal: Signal, now: datetime) -> None:
        self.filter(job_id=signal.job_id, id=signal.id, applied_at__isnull=True).update(applied_at=now)


class MessageQuerySet(models.QuerySet["Message"]):
    def first_for(self, job_id: UUID, channel: str, correlation_key: str) -> Message | None:
        """The oldest message that nobody took, of a channel (none when it is empty) or for a correlation key."""
        fits = Q(correlation_key=correlation_key) | (Q(channel=channel) & ~Q(channel=""))
        return self.filter(fits, job_id=job_id, taken_by="").order_by("received_at", "message_id").first()

    def take(self, message: Message, taken_by: str, now: datetime) -> bool:
        """Give a message away; whether nobody had it yet."""
        free = self.filter(job_id=message.job_id, message_id=message.message_id, taken_by="")
        return free.update(taken_by=taken_by, taken_at=now) == 1


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def of_wait(self, job_id: UUID, correlation_key: str) -> Approval | None:
        return self.filter(job_id=job_id, correlation_key=correlation_key).first()

    def of_job(self, job_id: UUID) -> list[Approval]:
        """Every question to a person about this job."""
        tail = "FROM signals_app_approval WHERE job_id = %s"
        return [approval for approval, _ in whole_rows((self.model,), tail, [job_id])]

    def of_waits(self, waits: Collection[Wait]) -> dict[tuple[UUID, str], UUID]:
        """The questions of these waits: job and correlation key → id."""
        of_jobs = self.filter(job_id__in={wait.job_id for wait in waits if wait.kind in DECIDED_BY_PEOPLE})
        found = of_jobs.values_list("job_id", "correlation_key", "pk")
        return {(job_id, key): approval for job_id, key, approval in found}

    def of_step(self, job_id: UUID, step: str) -> list[Approval]:
        """Every question about this tool node."""
        return list(self.filter(job_id=job_id, step=step))

    def of_tenant(self, tenant: str) -> ApprovalQuerySet:
        return self.filter(tenant=tenant).select_related("job", "job__agent").order_by("-id")

    def newest_first(
        self, status: str | None = None, cursor: UUID | None = None, job_id: UUID | None = None
    ) -> ApprovalQuerySet:
        """In descending order of ids; `cursor` continues a page."""
        wanted = {"state": status, "pk__lt": cursor, "job_id": job_id}
        return self.filter(**{name: value for name, value in wanted.items() if value})

    def for_decider(self, principal: str) -> ApprovalQuerySet:
        """Those that this person may decide now: pending, and asked for by somebody else."""
        return self.filter(state=ApprovalState.PENDING).exclude(requested_by=principal)

    def longest_pending(self, limit: int) -> tuple[int, datetime | None]:
        """How many are pending, so many at most, and since when the first of them is."""
        pending = self.filter(state=ApprovalState.PENDING).order_by()[:limit]
        found = pending.aggregate(number=Count("pk"), since=Min("requested_at"))
        return found["number"], found["since"]

    def compare_and_set(self, approval: Approval, **columns: Any) -> bool:
        """Change an approval that still has the state it was read with; whether it landed."""
        return self.filter(pk=approval.pk, state=approval.state).update(**columns) == 1

    def cancel_all(self, job_id: UUID, now: datetime) -> int:
        """Close all open questions of a job that starts nothing more."""
        pending = self.filter(job_id=job_id, state=ApprovalState.PENDING)
        return pending.update(state=ApprovalState.CANCELLED, decided_at=now)
