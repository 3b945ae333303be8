"""SQL of edges: what leaves a node, and what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection, models

from jobs.whole_rows import whole_rows

if TYPE_CHECKING:
    from jobs.models import Edge

_DECIDE = """
    UPDATE jobs_edge SET taken = (target, "on") IN (SELECT * FROM unnest(%s::text[], %s::text[]))
     WHERE job_id = %s AND source = %s AND taken IS NULL
    """


class EdgeQuerySet(models.QuerySet["Edge"]):
    def leaving(self, job_id: UUID, source: str) -> list[Edge]:
        return list(self.filter(job_id=job_id, source=source, taken__isnull=True))

    def of_sources(self, job_id: UUID, sources: Sequence[str]) -> list[Edge]:
        """All edges that leave these nodes."""
        tail = "FROM jobs_edge WHERE job_id = %s AND source = ANY(%s::text[])"
        return [edge for edge, _ in whole_rows((self.model,), tail, [job_id, list(sources)])]

    def followers(self, job_id: UUID) -> dict[str, list[str]]:
        """Source → targets of all edges that are not decided yet."""
        found: dict[str, list[str]] = {}
        for source, target in self.filter(job_id=job_id, taken__isnull=True).values_list("source", "target"):
            found.setdefault(source, []).append(target)
        return found

    def decide_none(self, job_id: UUID, sources: Sequence[str]) -> None:
        """Decide that no edge leads on from these nodes."""
        self.filter(job_id=job_id, source__in=sources, taken__isnull=True).update(taken=False)

    def decide(self, job_id: UUID, source: str, taken: Sequence[Edge]) -> None:
        """Decide every edge that leaves `source`: those in `taken` lead on; the others do not."""
        targets, ons = [edge.target for edge in taken], [edge.on for edge in taken]
        with connection.cursor() as cursor:
            cursor.execute(_DECIDE, [targets, ons, job_id, source])
