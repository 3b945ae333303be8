"""SQL about time: which READY nodes are due and unanswered, the tick of the sweep, doorbells, due schedules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from uuid import UUID

from django.db import connection, models
from django.db.models import Count, F, Q

from jobs.states import NodeState

if TYPE_CHECKING:
    from jobs.models import Bell, Node, Schedule, Tick

_SINCE = "COALESCE(GREATEST(node.rung_at, node.not_before), '2000-01-01 00:00:00+00'::timestamptz)"
_LINES = """
    WITH RECURSIVE asked AS MATERIALIZED (SELECT aetheris_now() AS now, {asked}),
    lines AS (
        (SELECT queue, priority, tenant FROM jobs_node WHERE state = 'ready'
          ORDER BY queue, priority, tenant LIMIT 1)
        UNION ALL
        SELECT following.* FROM lines CROSS JOIN LATERAL (
            SELECT node.queue, node.priority, node.tenant FROM jobs_node AS node
             WHERE node.state = 'ready'
               AND (node.queue, node.priority, node.tenant) > (lines.queue, lines.priority, lines.tenant)
             ORDER BY node.queue, node.priority, node.tenant LIMIT 1) AS following),
    found AS (
        SELECT due.* FROM lines CROSS JOIN LATERAL (
            WITH RECURSIVE groups AS (
                SELECT '-infinity'::timestamptz AS since, '00000000-0000-0000-0000-000000000000'::uuid AS job_id,
                       FALSE AS open, ARRAY[]::uuid[] AS passed
                UNION ALL
                SELECT following.since, following.job_id, following.open,
                       CASE WHEN following.open THEN groups.passed ELSE groups.passed || following.job_id END
                  FROM groups CROSS JOIN LATERAL (
                    SELECT {since} AS since, node.job_id,
                           (SELECT (job.max_parallel IS NULL OR job.nodes_running < job.max_parallel) AND {of_job}
                              FROM jobs_job AS job JOIN jobs_agent AS agent ON agent.id = job.agent_id
                             WHERE job.id = node.job_id) AS open
                      FROM jobs_node AS node
                     WHERE node.state = 'ready'
                       AND (node.queue, node.priority, node.tenant) = (lines.queue, lines.priority, lines.tenant)
                       AND ({since}, node.job_id) > (groups.since, groups.job_id)
                       AND {since} <= (SELECT now FROM asked)
                       AND NOT groups.passed @> ARRAY[node.job_id]
                     ORDER BY {since}, node.job_id LIMIT 1) AS following)
            SELECT waiting.* FROM groups CROSS JOIN LATERAL (
                SELECT node.job_id, node.path, node.queue, node.priority, node.tenant, node.claims, node.rung_at,
                       node.not_before, node.type, node.config, groups.since
                  FROM jobs_node AS node
                 WHERE node.state = 'ready'
                   AND (node.queue, node.priority, node.tenant) = (lines.queue, lines.priority, lines.tenant)
                   AND {since} = groups.since AND node.job_id = groups.job_id AND {wanted}
                 LIMIT (SELECT most FROM asked)) AS waiting
             WHERE groups.open LIMIT (SELECT most FROM asked)) AS due
         WHERE {of_line})
"""
"""A line is what one tenant has READY in one queue at one priority; they are found by skipping through the index,
whatever the backlog. `found` is the head of each line, without nodes of jobs that run as many as they may.

A line is walked group by group, in the order of the index and only as far as is needed. A group is what one job has
READY since one moment, such as the branches of a fan-out; those of a job that is full, or not `of_job`, are `passed`
without a look at their nodes. (`@>`, for the planner takes `<> ALL` to leave so little that it sorts the line.)"""


_MOST = "%(limit)s::bigint AS most, make_interval(secs => %(patience)s::float8) AS patience"
_ASKED = f"{_MOST}, %(queues)s::text[] AS queues, %(agents)s::text[] AS agents, %(versions)s::text[] AS versions"
"""What is asked for stands in a row of its own, so that the planner plans for whatever is asked, once."""


def _heads(asked: str, of_line: str, of_job: str, wanted: str, select: str) -> str:
    """A statement over `found`: nodes that are `wanted`, of jobs that are `of_job`, in lines that are `of_line`."""
    parts = {
        "since": _SINCE,
        "asked": asked,
        "of_line": of_line,
        "of_job": of_job.format(since=_SINCE),
        "wanted": wanted,
    }
    return _LINES.format(**parts) + select


_TAKE = _heads(
    _ASKED,
    "lines.queue = ANY((SELECT queues FROM asked)::text[])",
    """(job.nodes_running = 0 OR job.updated_at < (SELECT now FROM asked) - interval '20 milliseconds'
                                 OR {since} < (SELECT now FROM asked) - interval '5 seconds')
                                AND EXISTS (SELECT 1 FROM asked, unnest(asked.agents, asked.versions)
                                                       AS code(agent, version)
                                             WHERE code.agent = agent.name AND code.version = job.code_version)""",
    "TRUE",
    """
    SELECT (SELECT now FROM asked), (SELECT last_at FROM jobs_tick),
           mine.job_id, mine.path, mine.queue, mine.priority, mine.claims, mine.rung_at, agent.name, mine.type,
           mine.config
      FROM (VALUES (1)) AS always
      LEFT JOIN (
        SELECT found.*, array_position((SELECT queues FROM asked), found.queue::text) AS place,
               row_number() OVER (PARTITION BY found.queue, found.priority, found.tenant ORDER BY found.since) AS turn
          FROM found ORDER BY place, priority, turn, since
         LIMIT LEAST((SELECT most FROM asked), (
            SELECT count(*) FROM found
             WHERE rung_at IS NULL OR rung_at < not_before
                OR rung_at <= (SELECT now FROM asked) - (SELECT patience FROM asked)))) AS mine ON TRUE
      LEFT JOIN jobs_job AS job ON job.id = mine.job_id
      LEFT JOIN jobs_agent AS agent ON agent.id = job.agent_id
     ORDER BY mine.place, mine.priority, mine.turn, mine.since
    """,
)
"""A job that runs and has changed just now gets on without help: whoever works on it rings once it no longer does. What
waits in it for long is seen all the same: it may be of another queue, and its doorbell lost."""

_LOST = _heads(
    _MOST,
    "TRUE",
    "TRUE",
    """node.rung_at <= (SELECT now FROM asked) - (SELECT patience FROM asked)
                   AND (node.not_before IS NULL OR node.rung_at >= node.not_before)""",
    """
    SELECT job_id, path, queue, priority, rung_at FROM (
        SELECT turns.*, row_number() OVER (PARTITION BY queue ORDER BY turn, priority) AS place FROM (
            SELECT found.*, row_number() OVER (PARTITION BY queue, priority ORDER BY since) AS turn
              FROM found) AS turns) AS next
     WHERE place <= (SELECT most FROM asked)
    """,
)


class Due(NamedTuple):
    """A READY node that time has come for."""

    job_id: UUID
    path: str
    queue: str
    priority: int
    claims: int
    rung_at: datetime | None
    agent: str
    type: str
    config: str

    @classmethod
    def of(cls, node: Node, agent: str) -> Self:
        """A node of a job of this agent."""
        return cls(
            node.job_id,
            node.path,
            node.queue,
            node.priority,
            node.claims,
            node.rung_at,
            agent,
            node.type,
            node.config,
        )


@dataclass(frozen=True)
class Look:
    """What a receiver sees at `now`: when somebody swept last, and its next nodes."""

    now: datetime
    swept_at: datetime | None
    nodes: list[Due]


def one_value(statement: str) -> Any:
    """What a SELECT without FROM says."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    assert row is not None  # noqa: S101  such a SELECT gives one row
    return row[0]


class DueNodeQuerySet(models.QuerySet["Node"]):
    """READY nodes that time has come for. `jobs.querysets.NodeQuerySet` is one."""

    def look(self, queues: Sequence[str], code: Collection[tuple[str, str]], patience: timedelta, limit: int) -> Look:
        """The next due READY nodes whose agent and version is in `code`: as many as there are whose doorbell is older
        than `patience` or never rang, though not always those, for what is more urgent comes first.

        Queues come in the order given; within one the highest priority; at one priority tenants take turns, each with
        its longest waiting node first. One statement; it costs the same whatever the backlog.
        """
        agents, versions = [agent for agent, _ in code], [version for _, version in code]
        parameters = {"queues": list(queues), "agents": agents, "versions": versions}
        database: Any = connection
        with database.prepared_cursor() as cursor:
            cursor.execute(_TAKE, {**parameters, "patience": patience.total_seconds(), "limit": limit})
            rows = cursor.fetchall()
        nodes = [Due(*node) for _, _, *node in rows if node[0] is not None]
        return Look(rows[0][0], rows[0][1], nodes)

    def is_outranked(self, queue: str, priority: int, code: Collection[tuple[str, str]]) -> bool:
        """Whether a due node of this queue, with its code in `code`, has a higher priority. Mostly one short look."""
        if not self.filter(state=NodeState.READY, queue=queue, priority__lt=priority).exists():
            return False
        first = self.look([queue], code, timedelta(0), 1).nodes
        return bool(first) and first[0].priority < priority

    def never_rung(self, now: datetime, limit: int) -> list[Node]:
        """READY nodes for which no doorbell has rung since they became due, the highest priority first."""
        silent = Q(rung_at__isnull=True) | Q(rung_at__lt=F("not_before"))
        due = Q(not_before__isnull=True) | Q(not_before__lte=now)
        return list(self.filter(silent, due, state=NodeState.READY).order_by("priority", "not_before")[:limit])

    def lost(self, patience: timedelta, handful: int) -> dict[str, list[Node]]:
        """For each queue, a handful of the due READY nodes whose doorbells rang longest ago, at least `patience`.
        Priorities take turns, the highest first: nodes that nobody can take must not keep the others silent."""
        with connection.cursor() as cursor:
            cursor.execute(_LOST, {"patience": patience.total_seconds(), "limit": handful})
            rows = cursor.fetchall()
        found: dict[str, list[Node]] = {}
        for job_id, path, queue, priority, rung_at in rows:
            node = self.model(job_id=job_id, path=path, queue=queue, priority=priority, rung_at=rung_at)
            found.setdefault(queue, []).append(node)
        return found

    def is_moving(self, queue: str, since: datetime) -> bool:
        """Whether a node of this queue runs that was begun lately."""
        return self.filter(state=NodeState.RUNNING, queue=queue, started_at__gte=since).exists()

    def backlog(self, tenant: str) -> dict[str, int]:
        """Queue → how many nodes of a tenant are READY in it."""
        ready = self.filter(state=NodeState.READY, tenant=tenant)
        return dict(ready.order_by().values_list("queue").annotate(number=Count("path")))

    def running_of_tenant(self, tenant: str) -> int:
        """How many nodes of a tenant run."""
        return self.filter(state=NodeState.RUNNING, tenant=tenant).count()

    def mark_rung(self, node: Node | Due, now: datetime) -> bool:
        """Note a doorbell; whether this process is the one to ring it."""
        same = self.filter(job_id=node.job_id, path=node.path, state=NodeState.READY, rung_at=node.rung_at)
        return same.update(rung_at=now) == 1


class TickQuerySet(models.QuerySet["Tick"]):
    def take(self) -> Tick | None:
        """The one row, locked; None when another sweep holds it. It is made by the first sweep that there is."""
        row = self.select_for_update(skip_locked=True).filter(pk=1).first()
        if row is None and not self.exists():
            self.bulk_create([self.model(pk=1)], ignore_conflicts=True)
            return self.take()
        return row

    def write(self, tick: Tick) -> None:
        """Store a row that the caller has locked."""
        self.filter(pk=tick.pk).update(last_at=tick.last_at, quiet_until=tick.quiet_until)

    def last_at(self) -> datetime | None:
        """When somebody swept last."""
        return self.values_list("last_at", flat=True).first()

    def server_version(self) -> str:
        """What this database server says that it is."""
        return str(one_value("SELECT current_setting('server_version')"))

    def server_started_at(self) -> datetime:
        """When this database server was started."""
        moment: datetime = one_value("SELECT pg_postmaster_start_time()")
        return moment


class BellQuerySet(models.QuerySet["Bell"]):
    def of_queue(self, queue: str) -> Bell:
        """The queue's row, made now if there is none."""
        self.bulk_create([self.model(queue=queue)], ignore_conflicts=True)
        return self.get(queue=queue)

    def ring(self, bell: Bell, now: datetime, pause_seconds: int) -> bool:
        """Note that this queue's lost doorbells ring now; whether this process is the one to ring them."""
        same = self.filter(queue=bell.queue, rung_at=bell.rung_at)
        return same.update(rung_at=now, pause_seconds=pause_seconds) == 1


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    def due(self, now: datetime, agents: Iterable[str], limit: int) -> list[UUID]:
        """Enabled schedules of these agents whose time has come, longest first."""
        due = self.filter(enabled=True, next_at__lte=now, agent_name__in=list(agents)).order_by("next_at")
        return list(due.values_list("pk", flat=True)[:limit])

    def take(self, schedule_id: UUID) -> Schedule | None:
        """The schedule, locked until the transaction ends; None when it is gone or another sweep fires it."""
        return self.select_for_update(skip_locked=True).filter(pk=schedule_id).first()

    def lock(self, schedule_id: UUID) -> Schedule | None:
        """The schedule, locked until the transaction ends, or None."""
        return self.select_for_update().filter(pk=schedule_id).first()

    def write(self, schedule: Schedule, *columns: str) -> None:
        """Store these columns of a schedule that the caller has locked."""
        self.filter(pk=schedule.pk).update(**{column: getattr(schedule, column) for column in columns})
