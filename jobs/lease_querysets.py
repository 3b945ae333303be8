"""SQL of leases: kept while their nodes run, and found when they have run out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, models
from django.db.models import Case, Count, Func, Value, When

from jobs.due_querysets import DueNodeQuerySet
from jobs.states import NodeState

NOW = Func(function="aetheris_now", output_field=models.DateTimeField())
"""The database's clock, in a statement."""


class LeasedNodeQuerySet(DueNodeQuerySet):
    """RUNNING nodes, each held under a token. `jobs.querysets.NodeQuerySet` is one."""

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

    def stopping(self, tokens: Sequence[UUID]) -> dict[UUID, str]:
        """Why each of these leases should stop: `cancelled`, `failed` (their job), `deadline` (their own time) or
        `lost`; "" when it should go on."""
        reason = Case(
            When(job__cancel_requested_at__isnull=False, then=Value("cancelled")),
            When(job__error__isnull=False, then=Value("failed")),
            When(deadline_at__lte=NOW, then=Value("deadline")),
            default=Value(""),
        )
        held = self.filter(state=NodeState.RUNNING, lease_token__in=tokens).annotate(reason=reason)
        reasons = dict.fromkeys(tokens, "lost")
        return reasons | {token: why for token, why in held.values_list("lease_token", "reason") if token is not None}

    def expired(self, now: datetime, limit: int) -> list[tuple[UUID, str]]:
        """Nodes whose lease has run out, longest first: (job, path)."""
        gone = self.filter(state=NodeState.RUNNING, lease_expires_at__lte=now).order_by("lease_expires_at")
        return list(gone.values_list("job_id", "path")[:limit])

    def running(self) -> LeasedNodeQuerySet:
        """As many as there are threads and children of workers, more or less."""
        return self.filter(state=NodeState.RUNNING)

    def running_by_queue(self) -> dict[str, int]:
        """Queue → how many of its nodes run: as many as there are threads and children of workers, at most."""
        running = self.filter(state=NodeState.RUNNING).order_by().values_list("queue")
        return dict(running.annotate(number=Count("path")))

    def due_by_queue(self, limit: int) -> dict[str, int]:
        """Queue → how many nodes are due in it and not begun. At most so many READY ones of each queue are looked at;
        queues are found by skipping through the index."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                WITH RECURSIVE clock AS MATERIALIZED (SELECT aetheris_now() AS now),
                queues AS (
                    (SELECT queue FROM jobs_node WHERE state = 'ready' ORDER BY queue LIMIT 1)
                    UNION ALL
                    SELECT following.queue FROM queues CROSS JOIN LATERAL (
                        SELECT node.queue FROM jobs_node AS node
                         WHERE node.state = 'ready' AND node.queue > queues.queue ORDER BY node.queue LIMIT 1
                    ) AS following)
                SELECT queues.queue, (
                    SELECT count(*) FILTER (WHERE not_before IS NULL OR not_before <= (SELECT now FROM clock))
                      FROM (SELECT node.not_before FROM jobs_node AS node
                             WHERE node.state = 'ready' AND node.queue = queues.queue LIMIT %s) AS ready)
                  FROM queues
                """,
                [limit],
            )
            return dict(cursor.fetchall())
