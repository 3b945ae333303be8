"""All SQL of this app. Verbs call these by name; a compare-and-set says whether it landed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection, models
from django.db.models import Count, Exists, F, Max, OuterRef, Q, Subquery

from jobs.due_querysets import one_value
from jobs.found_querysets import FoundJobQuerySet
from jobs.lease_querysets import LeasedNodeQuerySet
from jobs.states import NODE_ENDINGS, Ending, NodeState, NodeType
from jobs.whole_rows import whole_rows

if TYPE_CHECKING:
    from jobs.models import Agent, Edge, Job, Node, Submission
    from signals_app.models import Wait


_FIRST_NODES = """
    CROSS JOIN LATERAL (
        SELECT * FROM jobs_node WHERE job_id = jobs_job.id ORDER BY position LIMIT (SELECT %s::int)) AS jobs_node
    """
_JOBS_WITH_NODES = f"""
    FROM unnest(%s::uuid[]) AS asked(id)
    CROSS JOIN LATERAL (SELECT * FROM jobs_job WHERE jobs_job.id = asked.id LIMIT 1) AS jobs_job
    JOIN jobs_agent ON jobs_agent.id = jobs_job.agent_id {_FIRST_NODES}
    ORDER BY jobs_job.id, jobs_node.position
    """  # noqa: S608  nothing from outside stands in it
"""One plan for any jobs and any limit, by the index even where it was made while the tables were empty: to plan anew
for each list takes twice as long as to read it."""
_JOB_WITH_WAIT = f"""
    FROM jobs_job JOIN jobs_agent ON jobs_agent.id = jobs_job.agent_id
    JOIN signals_app_wait ON signals_app_wait.job_id = jobs_job.id {_FIRST_NODES}
    WHERE jobs_job.id = %s AND signals_app_wait.correlation_key = %s ORDER BY jobs_node.position
    """
_EDGES_OF_WAIT = """
    CASE WHEN jobs_node.position = 0 THEN (
        SELECT jsonb_agg(to_jsonb(edge)) FROM jobs_edge AS edge
         WHERE edge.job_id = signals_app_wait.job_id AND edge.source = signals_app_wait.node) END, aetheris_now()
    """
"""In the first line alone: a wide fan-out may follow the wait."""


class AgentQuerySet(models.QuerySet["Agent"]):
    def ensure(self, tenant: str, name: str) -> Agent:
        """The tenant's agent of this name, made now if there is none. Two at once make one agent."""
        same = self.filter(tenant=tenant, name=name)
        found = same.first()
        if found is None:
            self.bulk_create([self.model(tenant=tenant, name=name)], ignore_conflicts=True)
            found = same.get()
        return found


class SubmissionQuerySet(models.QuerySet["Submission"]):
    def first_use(self, submission: Submission) -> Submission:
        """The first submission with the key of this one."""
        return self.get(tenant=submission.tenant, agent_name=submission.agent_name, key=submission.key)


class JobQuerySet(FoundJobQuerySet):
    def lock(self, job_id: UUID, *, wait: bool = True) -> Job:
        """The job, locked against every other verb until the transaction ends. Raises `Job.DoesNotExist`, also for
        one that is locked now when told not to wait."""
        locked = self.select_for_update(no_key=True, of=("self",), skip_locked=not wait)
        return locked.select_related("agent").get(pk=job_id)

    def now(self) -> datetime:
        """The database's clock at this moment: ask after the lock is held."""
        moment: datetime = one_value("SELECT aetheris_now()")
        return moment

    def with_first_nodes(self, job_ids: Sequence[UUID], limit: int) -> Iterator[tuple[Job, list[Node], datetime]]:
        """Those of these jobs that there are, with so many nodes of each from the first on, in plan order, and the
        database's clock, all as of one moment."""
        of = (self.model, self._model_of("agent"), self._model_of("nodes"))
        lines = whole_rows(of, _JOBS_WITH_NODES, [list(job_ids), limit])
        for job, of_job in groupby(lines, key=itemgetter(0)):
            _, agents, nodes, clock = zip(*of_job, strict=True)
            job.agent = agents[0]
            yield job, list(nodes), clock[0]

    def with_wait(
        self, job_id: UUID, correlation_key: str, limit: int
    ) -> tuple[Job, Wait, list[Node], list[Edge], datetime] | None:
        """A job with one of its waits, so many nodes from the first on, in plan order, the edges that leave the wait's
        node, and the database's clock, all as of one moment; None where there is no such wait."""
        of = (self.model, self._model_of("agent"), self._model_of("waits"), self._model_of("nodes"))
        lines = whole_rows(of, _JOB_WITH_WAIT, [limit, job_id, correlation_key], _EDGES_OF_WAIT)
        if not lines:
            return None
        (job, agent, wait, _, leaving, now), nodes = lines[0], [line[3] for line in lines]
        job.agent = agent
        edge = self._model_of("edges")
        # The table may have columns that only the next version knows.
        names = {field.attname for field in edge._meta.concrete_fields} - {"job_id"}
        edges = [edge(job_id=job_id, **{name: row[name] for name in names}) for row in leaving or ()]
        return job, wait, nodes, edges, now

    def _model_of(self, relation: str) -> Any:
        return self.model._meta.get_field(relation).related_model

    def limit_statements(self, seconds: float | None) -> None:
        """Let no statement of this transaction, and no pause between two, last longer than this from now on; None: as
        long as the role may."""
        with connection.cursor() as cursor:
            for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
                if seconds is None:
                    cursor.execute(f"SET LOCAL {name} TO DEFAULT")
                else:
                    cursor.execute("SELECT set_config(%s, %s, true)", [name, f"{round(seconds * 1000)}ms"])

    def write(self, job: Job, columns: Iterable[str]) -> None:
        """Store these columns of a job that the caller has locked."""
        self.filter(pk=job.pk).update(**{column: getattr(job, column) for column in columns})

    def of_tenant(self, tenant: str) -> JobQuerySet:
        return self.filter(tenant=tenant).select_related("agent")

    def overdue(self, now: datetime, limit: int) -> list[UUID]:
        """Jobs past their deadline that are not ending yet, longest first."""
        late = self.filter(ending="", error__isnull=True, deadline_at__lte=now).order_by("deadline_at")
        return list(late.values_list("pk", flat=True)[:limit])

    def read_one_snapshot(self) -> None:
        """Let every later statement of this transaction read one snapshot. Must be its first statement."""
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


class NodeQuerySet(LeasedNodeQuerySet):
    def of_job(self, job_id: UUID) -> NodeQuerySet:
        """A job's nodes in plan order."""
        return self.filter(job_id=job_id).order_by("position")

    def at(self, job_id: UUID, path: str) -> Node | None:
        return self.filter(job_id=job_id, path=path).first()

    def from_path(self, job_id: UUID, path: str, limit: int) -> list[Node]:
        """A node and those that follow it, in plan order."""
        first = self.filter(job_id=job_id, path=path).values("position")
        return list(self.of_job(job_id).filter(position__gte=Subquery(first))[:limit])

    def compare_and_set(self, node: Node, **columns: Any) -> bool:
        """Change a node that still has the state and lease it was read with; whether it landed."""
        same = self.filter(job_id=node.job_id, path=node.path, state=node.state, lease_token=node.lease_token)
        return same.update(**columns) == 1

    def outputs(self, job_id: UUID, paths: Iterable[str]) -> dict[str, str]:
        """Stored forms of the outputs that the nodes among `paths` have."""
        found = self.filter(job_id=job_id, path__in=list(paths), output__isnull=False)
        return dict(found.values_list("path", "output"))

    def inputs(self, places: Collection[tuple[UUID, str]]) -> dict[tuple[UUID, str], str]:
        """Stored forms of the arguments that nodes, given as (job, path), were claimed with."""
        found = self.filter(pk__in=list(places), input__isnull=False).values_list("job_id", "path", "input")
        return {(job_id, path): form for job_id, path, form in found if form is not None}

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

    def compare_and_set_blocked(self, job_id: UUID, paths: Sequence[str], **columns: Any) -> bool:
        """Change nodes that are all still blocked; whether each of them was."""
        return self.filter(job_id=job_id, path__in=paths, state=NodeState.BLOCKED).update(**columns) == len(paths)

    def cancel(self, job_id: UUID, doubtful: Collection[str], *, now: datetime, token: UUID) -> int:
        """Cancel what neither runs nor is final, but the nodes whose effect is in doubt."""
        return (
            self.stoppable(job_id)
            .exclude(path__in=doubtful)
            .update(state=NodeState.CANCELLED, finished_at=now, moved_by=token)
        )

    def given_up(self, job_id: UUID) -> list[Node]:
        """Nodes that failed without an edge that leads on, or were cancelled, in plan order."""
        failed = Q(state=NodeState.FAILED, output__isnull=True)
        return list(self.of_job(job_id).filter(failed | Q(state=NodeState.CANCELLED)))

    def revive(self, job_id: UUID, paths: Sequence[str], *, token: UUID) -> dict[str, Any]:
        """Let nodes that have ended begin anew; the columns that they have then."""
        empty = dict.fromkeys(("error", "output", "finished_at", "started_at", "not_before", "deadline_at", "rung_at"))
        columns = {**empty, "state": NodeState.BLOCKED.value, "ending": "", "tries": 0, "crashes": 0, "moved_by": token}
        self.filter(job_id=job_id, path__in=paths).update(**columns)
        return columns

    def undecided(self, job_id: UUID) -> list[Node]:
        """Nodes that have ended with an edge that nobody has decided: the job was failing then."""
        edges = self.model._meta.apps.get_model("jobs", "Edge").objects.filter(
            job_id=job_id, source=OuterRef("path"), taken__isnull=True
        )
        return list(self.of_job(job_id).filter(Exists(edges), state__in=(NodeState.COMPLETED, NodeState.FAILED)))

    def ready_of_job(self, job_id: UUID) -> NodeQuerySet:
        """READY nodes of a job in plan order. Their index is found only by those who also ask for the position."""
        return self.filter(job_id=job_id, state=NodeState.READY, position__gte=0).order_by("position")

    def begun(self, job_id: UUID) -> list[Node]:
        """READY nodes that a worker held before: they may have had their effect."""
        return list(self.ready_of_job(job_id).filter(claims__gt=0))

    def blocked(self, job_id: UUID) -> list[Node]:
        """All nodes that wait for an edge to be decided."""
        return list(self.filter(job_id=job_id, state=NodeState.BLOCKED).order_by("position"))

    def child_ended(self, job_id: UUID, path: str, ended: int) -> Node | None:
        """Count ended children of a workflow node; the node as it stands then."""
        self.filter(job_id=job_id, path=path).update(children_open=F("children_open") - ended)
        return self.at(job_id, path)

    def last_position(self, job_id: UUID) -> int:
        found = self.filter(job_id=job_id).aggregate(last=Max("position"))["last"]
        return int(found or 0)

    def stoppable(self, job_id: UUID) -> NodeQuerySet:
        """What stops when a job starts nothing more: all that neither runs nor is final."""
        return self.filter(job_id=job_id, state__in=(NodeState.BLOCKED, NodeState.READY, NodeState.WAITING))

    def sinks(self, job_id: UUID, scope: str) -> list[Node]:
        """Nodes of one graph that nothing follows, in plan order."""
        # Read once, also where the planner takes a new graph for a small one: as EXISTS that was asked for each node.
        followed = self.model._meta.apps.get_model("jobs", "Edge").objects.filter(job_id=job_id).values("source")
        sinks = self.filter(job_id=job_id).exclude(type=NodeType.PLAN).exclude(path__in=followed)
        within = sinks.filter(path__startswith=f"{scope}/") if scope else sinks.exclude(path__contains="/")
        return [node for node in within.order_by("position") if node.scope == scope]

    def was_refused(self, job_id: UUID) -> bool:
        return self.filter(job_id=job_id, ending=Ending.REFUSED).exists()

    def counted(self, job_id: UUID) -> dict[str, int]:
        """The job's counters by full count: what `move` keeps, for tests and repair."""
        waiting = Q(state=NodeState.WAITING) & ~Q(type=NodeType.WORKFLOW)
        ready = Q(state=NodeState.READY)
        return self.filter(job_id=job_id).aggregate(
            nodes_open=Count("path", filter=~Q(state__in=NODE_ENDINGS)),
            nodes_ready=Count("path", filter=ready & Q(not_before__isnull=True)),
            nodes_delayed=Count("path", filter=ready & Q(not_before__isnull=False, park=False)),
            nodes_running=Count("path", filter=Q(state=NodeState.RUNNING)),
            nodes_waiting=Count("path", filter=waiting & Q(park=False)),
            nodes_parked=Count("path", filter=(waiting | ready & Q(not_before__isnull=False)) & Q(park=True)),
        )

    def due_of_job(self, job_id: UUID, queue: str, now: datetime) -> NodeQuerySet:
        """The due READY nodes that the job has for a queue, in plan order."""
        due = Q(not_before__isnull=True) | Q(not_before__lte=now)
        return self.ready_of_job(job_id).filter(due, queue=queue)
