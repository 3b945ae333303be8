"""All SQL of this app. Verbs call these by name; a compare-and-set says whether it landed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection, models
from django.db.models import Case, Count, Exists, F, OuterRef, Q, Value, When

from aetheris.core.canonical import digest
from jobs.states import NODE_ENDINGS, Ending, NodeState, NodeType

if TYPE_CHECKING:
    from jobs.models import Agent, Body, Edge, Job, Node, Submission


class AgentQuerySet(models.QuerySet["Agent"]):
    def ensure(self, tenant: str, name: str) -> Agent:
        """The tenant's agent of this name, made now if there is none; two at once make one."""
        self.bulk_create([self.model(tenant=tenant, name=name)], ignore_conflicts=True)
        return self.get(tenant=tenant, name=name)


class SubmissionQuerySet(models.QuerySet["Submission"]):
    def remember(self, submission: Submission) -> Submission | None:
        """Store a key's first use: None. If the key was used, its first use; waits for one still under way."""
        self.bulk_create([submission], ignore_conflicts=True)
        stored = self.get(tenant=submission.tenant, agent_name=submission.agent_name, key=submission.key)
        return None if stored.id == submission.id else stored


class JobQuerySet(models.QuerySet["Job"]):
    def lock(self, job_id: UUID) -> Job:
        """The job, locked against every other verb until the transaction ends. Raises `Job.DoesNotExist`."""
        locked = self.select_for_update(no_key=True, of=("self",))
        return locked.select_related("agent").get(pk=job_id)

    def now(self) -> datetime:
        """The database's clock at this moment: ask after the lock is held."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT aetheris_now()")
            row = cursor.fetchone()
        assert row is not None  # noqa: S101  a SELECT without FROM gives one row
        moment: datetime = row[0]
        return moment

    def write(self, job: Job, columns: Iterable[str]) -> None:
        """Store these columns of a job that the caller has locked."""
        self.filter(pk=job.pk).update(**{column: getattr(job, column) for column in columns})

    def of_tenant(self, tenant: str) -> JobQuerySet:
        return self.filter(tenant=tenant).select_related("agent")

    def newest_first(self, state: str | None, agent: str | None, before: UUID | None) -> JobQuerySet:
        """Jobs in descending order of their ids, which is that of their making; `before` continues a page."""
        wanted = {"state": state, "agent__name": agent, "pk__lt": before}
        return self.filter(**{name: value for name, value in wanted.items() if value}).order_by("-pk")

    def read_one_snapshot(self) -> None:
        """Let every later statement of this transaction read one snapshot. Must be its first statement."""
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


INLINE_BYTES = 1024
_MARK = "@"


def stored_form(text: str) -> str:
    """How a canonical text stands in a row: itself, or `@` and its digest, which no JSON text begins with."""
    return text if len(text.encode()) <= INLINE_BYTES else _MARK + digest(text).hex()


def _digest_in(form: str) -> bytes:
    """The digest in a stored form; empty when it holds none."""
    try:
        return bytes.fromhex(form[1:]) if form.startswith(_MARK) else b""
    except ValueError:
        return b""


class BodyQuerySet(models.QuerySet["Body"]):
    def keep(self, job: Job, text: str) -> str:
        """The stored form of a canonical text, whose body is in the database from now on."""
        stored = stored_form(text)
        if stored is not text:
            body: Body = self.model(job=job, tenant=job.tenant, digest=digest(text), text=text)
            self.bulk_create([body], ignore_conflicts=True)
        return stored

    def text(self, job_id: UUID, stored: str) -> str:
        """The text of a stored form."""
        return self.texts(job_id, [stored])[stored]

    def texts(self, job_id: UUID, stored: Iterable[str]) -> dict[str, str]:
        """Stored form → text, in at most one query. A body that is gone or was altered leaves its form, no JSON."""
        texts = {form: form for form in stored}
        marked = {key: form for form in texts if (key := _digest_in(form))}
        if marked:
            found = self.filter(job_id=job_id, digest__in=list(marked)).values_list("digest", "text")
            texts |= {marked[bytes(key)]: text for key, text in found if digest(text) == bytes(key)}
        return texts


class NodeQuerySet(models.QuerySet["Node"]):
    def of_job(self, job_id: UUID) -> NodeQuerySet:
        """A job's nodes in plan order."""
        return self.filter(job_id=job_id).order_by("position")

    def at(self, job_id: UUID, path: str) -> Node | None:
        return self.filter(job_id=job_id, path=path).first()

    def compare_and_set(self, node: Node, **columns: Any) -> bool:
        """Change a node that still has the state and lease it was read with; whether it landed."""
        same = self.filter(job_id=node.job_id, path=node.path, state=node.state, lease_token=node.lease_token)
        return same.update(**columns) == 1

    def outputs(self, job_id: UUID, paths: Iterable[str]) -> dict[str, str]:
        """Stored forms of the outputs of the completed nodes among `paths`."""
        found = self.filter(job_id=job_id, path__in=list(paths), state=NodeState.COMPLETED, output__isnull=False)
        return dict(found.values_list("path", "output"))  # type: ignore[arg-type]

    def count_decided(self, job_id: UUID, edges: Counter[str], taken: Collection[str]) -> None:
        """For each target, count its edges that were decided now; at most one edge of a source to it is taken."""
        for number in set(edges.values()):
            targets = [target for target, count in edges.items() if count == number]
            self.filter(job_id=job_id, path__in=targets).update(unmet=F("unmet") - number)
        if taken:
            self.filter(job_id=job_id, path__in=list(taken)).update(taken=F("taken") + 1)

    def decided(self, job_id: UUID, paths: Iterable[str]) -> list[Node]:
        """Those of `paths` that were blocked and have no undecided incoming edge left, in plan order."""
        blocked = self.filter(job_id=job_id, path__in=list(paths), state=NodeState.BLOCKED, unmet=0)
        return list(blocked.order_by("position"))

    def stoppable(self, job_id: UUID) -> NodeQuerySet:
        """What stops when a job starts nothing more: all that neither runs nor is final."""
        return self.filter(job_id=job_id, state__in=(NodeState.BLOCKED, NodeState.READY, NodeState.WAITING))

    def sinks(self, job_id: UUID) -> list[Node]:
        """Nodes that nothing follows, in plan order."""
        followed = self.model._meta.apps.get_model("jobs", "Edge").objects.filter(
            job_id=job_id, source=OuterRef("path")
        )
        sinks = self.filter(~Exists(followed), job_id=job_id).exclude(type=NodeType.PLAN)
        return list(sinks.order_by("position"))

    def was_refused(self, job_id: UUID) -> bool:
        return self.filter(job_id=job_id, ending=Ending.REFUSED).exists()

    def counted(self, job_id: UUID) -> dict[str, int]:
        """The job's counters by full count: what `move` keeps, for tests and repair."""
        waiting = Q(state=NodeState.WAITING)
        ready = Q(state=NodeState.READY)
        return self.filter(job_id=job_id).aggregate(
            nodes_open=Count("path", filter=~Q(state__in=NODE_ENDINGS)),
            nodes_ready=Count("path", filter=ready & Q(not_before__isnull=True)),
            nodes_delayed=Count("path", filter=ready & Q(not_before__isnull=False)),
            nodes_running=Count("path", filter=Q(state=NodeState.RUNNING)),
            nodes_waiting=Count("path", filter=waiting & Q(park=False)),
            nodes_parked=Count("path", filter=waiting & Q(park=True)),
        )

    def extend_leases(self, tokens: Sequence[UUID], seconds: float) -> int:
        """Push out the leases of nodes that are before their deadline; a locked node is left for the next beat."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                WITH held AS (
                    SELECT job_id, path FROM jobs_node
                     WHERE state = 'running' AND lease_token = ANY(%s) AND deadline_at > aetheris_now()
                       FOR NO KEY UPDATE SKIP LOCKED)
                UPDATE jobs_node AS node SET lease_expires_at = aetheris_now() + make_interval(secs => %s)
                  FROM held WHERE node.job_id = held.job_id AND node.path = held.path
                """,
                [list(tokens), seconds],
            )
            return int(cursor.rowcount)

    def expired(self, now: datetime, limit: int) -> list[tuple[UUID, str]]:
        """Nodes whose lease has run out, longest first: (job, path)."""
        gone = self.filter(state=NodeState.RUNNING, lease_expires_at__lte=now).order_by("lease_expires_at")
        return list(gone.values_list("job_id", "path")[:limit])

    def unanswered(self, now: datetime, patience: timedelta, limit: int) -> list[Node]:
        """Due READY nodes whose last doorbell is older than `patience`, or that were never rung."""
        due = Q(not_before__isnull=True) | Q(not_before__lte=now)
        unheard = Q(rung_at__isnull=True) | Q(rung_at__lte=now - patience)
        return list(
            self.filter(due, unheard, state=NodeState.READY).order_by(F("rung_at").asc(nulls_first=True))[:limit]
        )

    def mark_rung(self, node: Node, now: datetime) -> bool:
        """Note a doorbell; whether this process is the one to ring it."""
        return (
            self.filter(job_id=node.job_id, path=node.path, state=NodeState.READY, rung_at=node.rung_at).update(
                rung_at=now
            )
            == 1
        )


class EdgeQuerySet(models.QuerySet["Edge"]):
    def leaving(self, job_id: UUID, source: str) -> list[Edge]:
        return list(self.filter(job_id=job_id, source=source, taken__isnull=True))

    def decide(self, job_id: UUID, source: str, taken: Iterable[tuple[str, str]]) -> None:
        """Decide every edge that leaves `source`: those in `taken`, as (target, on), lead on; the others do not."""
        leads = [When(target=target, on=on, then=Value(True)) for target, on in taken]
        decision = Case(*leads, default=Value(False), output_field=models.BooleanField()) if leads else Value(False)
        self.filter(job_id=job_id, source=source, taken__isnull=True).update(taken=decision)
