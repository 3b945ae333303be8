"""The SQL of the checks that look over all jobs at once."""

from typing import Any

from django.db import connection

SHARED_KEYS = """
SELECT min(job_id::text), idempotency_key || ' is the key of ' || count(*) || ' effects'
  FROM ledger_entry GROUP BY idempotency_key HAVING count(*) > 1
"""

OTHER_TENANTS = """
SELECT job.id::text, found.what || ' is of tenant ' || found.tenant || ', its job of ' || job.tenant
  FROM jobs_job AS job JOIN (
       SELECT job_id, tenant, 'node ' || path AS what FROM jobs_node
 UNION ALL SELECT job_id, tenant, 'edge ' || source || '→' || target FROM jobs_edge
 UNION ALL SELECT job_id, tenant, 'a body' FROM jobs_body
 UNION ALL SELECT job_id, tenant, 'event ' || seq FROM ledger_event
 UNION ALL SELECT job_id, tenant, 'entry ' || idempotency_key FROM ledger_entry
 UNION ALL SELECT job_id, tenant, 'wait ' || correlation_key FROM signals_app_wait
 UNION ALL SELECT job_id, tenant, 'signal ' || correlation_key FROM signals_app_signal
 UNION ALL SELECT job_id, tenant, 'message ' || message_id FROM signals_app_message
 UNION ALL SELECT job_id, tenant, 'approval ' || correlation_key FROM signals_app_approval
 UNION ALL SELECT job_id, tenant, 'submission ' || key FROM jobs_submission
 UNION ALL SELECT job.id, agent.tenant, 'agent ' || agent.name
             FROM jobs_job AS job JOIN jobs_agent AS agent ON agent.id = job.agent_id
       ) AS found ON found.job_id = job.id
 WHERE found.tenant <> job.tenant
"""

ORPHANS = """
SELECT found.job_id::text, found.what || ' is of a job that does not exist'
  FROM (SELECT DISTINCT job_id, 'an event' AS what FROM ledger_event) AS found
 WHERE NOT EXISTS (SELECT FROM jobs_job AS job WHERE job.id = found.job_id)
"""

IDLE_TRANSACTIONS = """
SELECT '', 'process ' || pid || ' (' || application_name || ') is ' || state || ' since ' || state_change
  FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%%'
   AND clock_timestamp() - state_change > make_interval(secs => %s)
 UNION ALL
SELECT '', 'the transaction ' || gid || ' is prepared and forgotten'
  FROM pg_prepared_xacts WHERE database = current_database()
 UNION ALL
SELECT '', 'process ' || pid || ' holds an advisory lock'
  FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

CONNECTIONS = """
SELECT '', count(*) || ' connections are open, at most ' || %s::int || ' may be'
  FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
HAVING count(*) > %s::int
"""


def found(statement: str, *arguments: Any) -> list[tuple[str, str]]:
    """(job, what is wrong) for each row that a statement finds."""
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments or None)
        return [(str(job), str(what)) for job, what in cursor.fetchall()]
