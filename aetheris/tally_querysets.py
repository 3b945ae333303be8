"""SQL that counts events: a slice of them at a time, each event once, in the one order of all events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection, models

if TYPE_CHECKING:
    from aetheris.models import Counted

STEPS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0, 604800.0)
"""Seconds: the limits between which what was timed is counted."""
NEAR = 1000
"""How many events before its end a beginning is looked for."""

_COUNT = """
WITH slice AS MATERIALIZED (
    SELECT job_id, seq, type, node, at, payload FROM ledger_event
     WHERE tenant = %(tenant)s AND placed >= %(place)s AND placed < %(until)s),
told AS (
    SELECT slice.type, COALESCE(ended.subject, '') AS subject, COALESCE(ended.detail, '') AS detail,
           extract(epoch FROM slice.at - ended.began)::float AS seconds
      FROM slice CROSS JOIN LATERAL (
        SELECT agent.name AS subject,
               CASE slice.type WHEN 'job_completed' THEN substring(slice.payload FROM '"outcome":"([a-z_]{1,24})"')
                               ELSE replace(slice.type, 'job_', '') END AS detail,
               job.created_at AS began
          FROM jobs_job AS job JOIN jobs_agent AS agent ON agent.id = job.agent_id
         WHERE job.id = slice.job_id AND slice.type IN ('job_completed', 'job_failed', 'job_cancelled')
        UNION ALL
        SELECT CASE WHEN slice.type LIKE '%%_invocation_finished'
                    THEN substring(slice.payload FROM '"tool_name":"([^"\\\\]{1,200})"\\}$') END,
               CASE WHEN slice.type LIKE '%%_invocation_finished'
                    THEN substring(slice.payload FROM '"outcome":"(success|failure|unknown)"')
                    ELSE substring(slice.payload FROM '"state":"(ok|failed|skipped)"\\}$') END,
               (SELECT before.at FROM ledger_event AS before
                 WHERE before.job_id = slice.job_id AND before.seq BETWEEN slice.seq - %(near)s AND slice.seq - 1
                   AND before.node = slice.node AND before.type = CASE slice.type
                       WHEN 'wait_completed' THEN 'job_waiting'
                       ELSE replace(slice.type, '_finished', '_started') END
                 ORDER BY before.seq DESC LIMIT 1)
         WHERE slice.type IN ('node_finished', 'tool_invocation_finished', 'llm_invocation_finished', 'wait_completed')
        UNION ALL
        SELECT NULL, NULL, NULL
         WHERE slice.type IN ('job_created', 'job_waiting', 'node_retrying', 'node_reclaimed', 'fact_conflict',
                              'world_changed', 'effect_resolved', 'job_requeued')) AS ended)
INSERT INTO aetheris_tally AS tally (id, tenant, event, subject, detail, number, timed, seconds, steps)
SELECT gen_random_uuid(), %(tenant)s, type, subject, detail, count(*), count(seconds), COALESCE(sum(seconds), 0),
       ARRAY(SELECT count(*) FILTER (WHERE taken <= step)
               FROM unnest(%(steps)s::float[]) WITH ORDINALITY AS steps(step, place)
               LEFT JOIN unnest(array_agg(seconds)) AS taken ON TRUE GROUP BY place ORDER BY place)
  FROM told GROUP BY type, subject, detail
    ON CONFLICT (tenant, event, subject, detail) DO UPDATE
   SET number = tally.number + excluded.number, timed = tally.timed + excluded.timed,
       seconds = tally.seconds + excluded.seconds,
       steps = ARRAY(SELECT old + new FROM unnest(tally.steps, excluded.steps) WITH ORDINALITY AS pairs(old, new, place)
                      ORDER BY place)
"""
_UNTIL = """
SELECT COALESCE(
    (SELECT GREATEST(placed, %(place)s + 1) FROM ledger_event
      WHERE tenant = %(tenant)s AND placed >= %(place)s AND placed < %(horizon)s
      ORDER BY tenant, placed OFFSET %(slice)s LIMIT 1),
    %(horizon)s)
"""


class CountedQuerySet(models.QuerySet["Counted"]):
    def tenants(self) -> list[str]:
        """All that have given an agent work."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT tenant FROM jobs_agent ORDER BY tenant")
            return [tenant for (tenant,) in cursor.fetchall()]

    def take(self, tenant: str, horizon: int) -> Counted | None:
        """A tenant's row, locked; None while somebody else counts. Without one, counting begins at this horizon."""
        self.bulk_create([self.model(tenant=tenant, place=horizon)], ignore_conflicts=True)
        return self.select_for_update(skip_locked=True).filter(tenant=tenant).first()

    def advance(self, counted: Counted, horizon: int, slice: int) -> bool:
        """Add about so many events of a locked row's tenant to its tallies; whether there are more before the
        horizon."""
        given: dict[str, Any] = {"tenant": counted.tenant, "place": counted.place, "horizon": horizon, "slice": slice}
        with connection.cursor() as cursor:
            cursor.execute(_UNTIL, given)
            (until,) = cursor.fetchone() or (horizon,)
            if until > counted.place:
                cursor.execute(_COUNT, {**given, "until": until, "near": NEAR, "steps": list(STEPS)})
                self.filter(tenant=counted.tenant).update(place=until)
        return bool(until < horizon)
