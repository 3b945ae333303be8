"""SQL for whoever looks for jobs, or asks how they stand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.db import connection, models
from django.db.models import Count, Q

if TYPE_CHECKING:
    from jobs.models import Job  # noqa: F401  the class below is one of these

_WANTED = {
    "status": "state",
    "outcome": "outcome",
    "agent": "agent__name",
    "requested_by": "requested_by",
    "created_after": "created_at__gt",
    "created_before": "created_at__lt",
}


class FoundJobQuerySet(models.QuerySet["Job"]):
    """Jobs by what doors ask for. `jobs.querysets.JobQuerySet` is one."""

    def newest_first(self, cursor: UUID | None = None, search: str | None = None, **wanted: Any) -> Self:
        """Jobs in descending order of their ids, which is that of their making; `cursor` continues a page. `wanted`
        has what doors call `status`, `outcome`, `agent`, `requested_by`, `created_after` and `created_before`."""
        found = self.filter(**{_WANTED[name]: value for name, value in wanted.items() if value is not None})
        if search:
            found = found.filter(goal__icontains=search)
        return (found.filter(pk__lt=cursor) if cursor else found).order_by("-pk")

    def unended(self) -> Self:
        """Those that have not ended."""
        return self.filter(ending="")

    def by_state(self) -> dict[str, int]:
        """State → how many of these jobs have it."""
        return dict(self.order_by().values_list("state").annotate(number=Count("pk")))

    def stuck(self, since: datetime) -> Self:
        """Those that could run, or are said to, and have not moved since this moment, the oldest first."""
        moving = Q(nodes_ready__gt=0) | Q(nodes_running__gt=0)
        return self.filter(moving, ending="", updated_at__lt=since).order_by("updated_at")

    def standing(self, job_ids: Iterable[UUID]) -> list[tuple[UUID, int, bool]]:
        """How far these jobs are: id, number of the last event, whether they have ended."""
        found = self.filter(pk__in=list(job_ids)).values_list("pk", "seq", "ending")
        return [(job_id, seq, ending != "") for job_id, seq, ending in found]

    def has_ended(self, job_id: UUID) -> bool:
        return self.filter(pk=job_id).exclude(ending="").exists()

    def open_by_state(self, limit: int, stuck_since: datetime) -> dict[str, tuple[int, int]]:
        """State → how many jobs that are not ending have it, and how many of them could run and have not moved since
        this moment. At most so many jobs are looked at."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT state, count(*), count(*) FILTER (
                       WHERE (nodes_ready > 0 OR nodes_running > 0) AND updated_at < %s)
                  FROM (SELECT state, nodes_ready, nodes_running, updated_at FROM jobs_job
                         WHERE ending = '' AND error IS NULL LIMIT %s) AS open
                 GROUP BY state
                """,
                [stuck_since, limit],
            )
            return {state: (number, stuck) for state, number, stuck in cursor.fetchall()}
