"""SQL for whoever looks for jobs, or asks how they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.db import connection, models
from django.db.models import Count, Q

from aetheris.core.ids import first_id
from jobs.states import JOB_ENDINGS, JobState, NodeState

if TYPE_CHECKING:
    from jobs.models import Job

_STANDING = ("id", "tenant", "seq", "state", "ending", "outcome", "result", "error")
"""In the order of the model's fields."""
_WANTED = {
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
        state = wanted.pop("status", None)
        found = self.filter(**{_WANTED[name]: value for name, value in wanted.items() if value is not None})
        if state:
            found = found.in_state(state)
        if search:
            found = found.filter(goal__icontains=search)
        return (found.filter(pk__lt=cursor) if cursor else found).order_by("-pk")

    def in_state(self, state: str) -> Self:
        """Those in this state. Only whether and how a job has ended is in an index: what is not over is little."""
        return self.filter(state=state, ending=state if state in JOB_ENDINGS else "")

    def sought(self, text: str) -> Self:
        """The job with this id, or those with this text in their goal."""
        try:
            return self.filter(pk=UUID(text.strip()))
        except ValueError:
            return self.filter(goal__icontains=text)

    def with_conflicts(self) -> Self:
        return self.filter(conflicts__gt=0)

    def ready_in(self, queue: str) -> Self:
        """Those with nodes that are READY in a queue."""
        nodes = self.model._meta.apps.get_model("jobs", "Node").objects
        return self.filter(pk__in=nodes.filter(state=NodeState.READY, queue=queue).values("job_id"))

    def failed_since(self, since: datetime, most: int) -> Counter[tuple[UUID, str]]:
        """Agent, by id and name → how many of the last `most` jobs that were made since this moment have failed."""
        failed = self.in_state(JobState.FAILED).filter(pk__gte=first_id(since)).order_by("-pk")
        return Counter(failed.values_list("agent_id", "agent__name")[:most])

    def unended_by_state(self, most: int) -> Counter[str]:
        """State → how many of the newest `most` jobs that have not ended are in it."""
        unended = (state for state in JobState.values if state not in JOB_ENDINGS)
        numbers = {state: Count("pk", filter=Q(state=state)) for state in unended}
        return Counter(self.unended().order_by("-pk")[:most].aggregate(**numbers))

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

    def as_it_stands(self, job_id: UUID) -> Job:
        """The job, of which no more is read than how it stands. Raises `Job.DoesNotExist`."""
        database: Any = connection
        with database.prepared_cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(_STANDING)} FROM jobs_job WHERE id = %s", [job_id])  # noqa: S608
            row = cursor.fetchone()
        if row is None:
            raise self.model.DoesNotExist
        return self.model.from_db(self.db, _STANDING, row)

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
