"""Many jobs with all that belongs to them, made by a few statements: what lists and pages are to stay fast with.

Of twenty jobs one waits for an approval, one asks about an unknown outcome, one has failed, one is ready, the others
are completed. Their events are no chain: nobody replays them.
"""

from django.db import connection

from jobs.models import Job

HELP = """
CREATE FUNCTION pg_temp.made(i bigint, total bigint) RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT aetheris_now() - (total - i) * interval '1 second' $$;
CREATE FUNCTION pg_temp.id(i bigint, total bigint) RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT (lpad(to_hex((extract(epoch FROM pg_temp.made(i, total)) * 1000)::bigint), 12, '0')
           || '7' || substr(md5(i::text), 1, 3) || '8' || substr(md5(i::text), 4, 15))::uuid $$;
CREATE TEMP TABLE crowd AS
  SELECT i, made, id, kind, agent FROM (
    SELECT i, pg_temp.made(i, %(total)s) AS made, pg_temp.id(i, %(total)s) AS id, i %% 20 AS kind, i %% 7 AS agent
      FROM generate_series(%(after)s + 1, %(total)s::bigint) AS i) AS made;
"""
AGENTS = """
INSERT INTO jobs_agent (id, tenant, name, created_at)
SELECT md5('agent' || n)::uuid, 'default', 'agent-' || n, aetheris_now() FROM generate_series(0, 6) AS n
ON CONFLICT DO NOTHING
"""
JOBS = """
INSERT INTO jobs_job (id, tenant, agent_id, root_id, depth, mode, code_version, goal, requested_by, request_digest,
    priority, seq, head, nodes_open, nodes_ready, nodes_delayed, nodes_running, nodes_waiting, nodes_parked, ending,
    outcome, result, error, conflicts, created_at, updated_at, finished_at)
SELECT id, 'default', md5('agent' || agent)::uuid, id, 0, 'live', '1', 'Refund order-' || i || ': it came too late',
    'user:1/requester', '\\x00', 3, %(events)s, '\\x00', (kind < 4 AND kind <> 2)::int, (kind = 3)::int, 0, 0, 0,
    (kind < 2)::int,
    CASE WHEN kind IN (0, 1, 3) THEN '' WHEN kind = 2 THEN 'failed' ELSE 'completed' END,
    CASE WHEN kind IN (0, 1, 3) THEN '' WHEN kind = 2 THEN 'failed' ELSE 'completed' END,
    CASE WHEN kind > 3 THEN '{"refunded":true}' END, CASE WHEN kind = 2 THEN '{"code":"X","message":"no"}' END,
    0, made, made, CASE WHEN kind IN (0, 1, 3) THEN NULL ELSE made END
FROM crowd
"""
NODES = """
INSERT INTO jobs_node (job_id, path, tenant, position, type, config, queue, priority, state, ending, park, output,
    children_open, unmet, taken, claims, tries, crashes, rung_at, started_at, finished_at, input)
SELECT id, path, 'default', position, type, '{}', 'default', 3, state,
    CASE state WHEN 'completed' THEN 'success' WHEN 'failed' THEN 'error' ELSE '' END, kind < 2 AND position = 1,
    CASE state WHEN 'completed' THEN '{}' END, 0, 0, 0, 1, 0, 0, made, made,
    CASE WHEN state IN ('completed', 'failed') THEN made END, '{"order_id":"order-1"}'
FROM crowd, LATERAL (VALUES ('plan', 0, 'plan', 'completed'),
    ('pay', 1, 'tool', CASE WHEN kind < 2 THEN 'waiting' WHEN kind = 2 THEN 'failed' WHEN kind = 3 THEN 'ready'
                            ELSE 'completed' END)) AS node (path, position, type, state)
"""
ENTRIES = """
INSERT INTO ledger_entry (job_id, step_id, attempt, tenant, node, position, kind, effect, tool, tool_version,
    arguments_digest, idempotency_key, state, lease_token, sends, first_sent_at, send_by, settled_by, result, opened_at,
    settled_at)
SELECT id, 'pay', 1, 'default', 'pay', 0, 'tool', 'once', 'pay', '1', '\\x00', 'aetheris:' || id || ':pay:1',
    CASE WHEN kind = 1 THEN 'unknown' WHEN kind = 2 THEN 'failed' ELSE 'committed' END, id, 1, made, made, made,
    CASE WHEN kind > 3 THEN '{}' END, made, CASE WHEN kind <> 1 THEN made END
FROM crowd WHERE kind NOT IN (0, 3)
"""
WAITS = """
INSERT INTO signals_app_wait (job_id, correlation_key, tenant, node, kind, state, channel, park, reason, approves,
    on_timeout, opened_at, ended_at, answer, answered_by, looks, proposed_by, question_id)
SELECT id, CASE WHEN kind = 1 THEN 'resolution:pay:1' ELSE 'ask' END, 'default', 'pay',
    CASE WHEN kind = 1 THEN 'resolution' ELSE 'human' END, CASE WHEN kind < 2 THEN 'open' ELSE 'resolved' END, '', TRUE,
    'A refund waits for a decision', '', 'fail', made, CASE WHEN kind > 1 THEN made END,
    CASE WHEN kind > 1 THEN '{"approved":true}' END, '', 0, '', CASE WHEN kind = 1 THEN id END
FROM crowd WHERE kind < 2 OR kind > 10
"""
APPROVALS = """
INSERT INTO signals_app_approval (id, tenant, job_id, correlation_key, node, step, tool, tool_version, arguments,
    arguments_digest, reason, state, requested_by, requested_at, decided_by, decided_at, decision_reason)
SELECT id, 'default', id, 'ask', 'pay', 'pay', 'pay', '1', '{"order_id":"order-1"}', '\\x00', 'A refund waits', state,
    'user:1/requester', made, CASE state WHEN 'pending' THEN '' ELSE 'user:2/approver' END,
    CASE state WHEN 'pending' THEN NULL ELSE made END, ''
FROM (SELECT *, CASE kind WHEN 0 THEN 'pending' ELSE 'approved' END AS state FROM crowd) AS asked
WHERE kind = 0 OR kind > 10
"""
EVENTS = """
INSERT INTO ledger_event (job_id, seq, tenant, type, category, actor, node, span, at, payload, nonce, payload_digest,
    hash, txid)
SELECT id, seq, 'default', 'node_completed', 'history', 'system', 'pay', '', made, '{"output":{}}', '\\x00', '\\x00',
    '\\x00', seq
FROM crowd, generate_series(1, %(events)s) AS seq
"""
TABLES = "jobs_agent, jobs_job, jobs_node, ledger_entry, signals_app_wait, signals_app_approval, ledger_event"
JOB_FILTERS = (
    *("", "p=20", "q=order-500:", "q=nothing", "q=late", "o=5", "status=running", "status=parked", "status=pending"),
    *("status=completed", "status=failed&made=day", "made=hour", "made=before", "trouble=stuck", "trouble=conflicts"),
    *("queue=default", "queue=none", "outcome__exact=refused", "priority=1"),
)


def crowd(jobs: int, events: int, after: int = 0) -> None:
    """So many jobs, each with so many events, `after` those that there are already; the server knows then how many."""
    numbers = {"after": after, "total": after + jobs, "events": events}
    with connection.cursor() as cursor:
        for statement in (HELP, AGENTS, JOBS, NODES, ENTRIES, WAITS, APPROVALS, EVENTS):
            cursor.execute(statement, numbers)
        cursor.execute("DROP TABLE crowd; DROP FUNCTION pg_temp.id; DROP FUNCTION pg_temp.made")
        cursor.execute(f"ANALYZE {TABLES}")


def pages_of(job: Job) -> list[str]:
    """The pages of the admin, with what each list can be narrowed to."""
    jobs, approvals = "/admin/jobs/job/", "/admin/signals_app/approval/"
    questions = "/admin/signals_app/unknownoutcome/"
    return [
        "/admin/",
        *(f"{jobs}?{wanted}" for wanted in JOB_FILTERS),
        *(f"{jobs}{job.pk}/{page}/" for page in ("change", "nodes", "entries", "events", "history")),
        *(approvals, f"{approvals}?status=approved", f"{approvals}?status=refused"),
        *(questions, f"{questions}?status=resolved"),
        *("/admin/jobs/agent/", "/admin/jobs/schedule/"),
    ]


def lists_of(job: Job) -> list[str]:
    """The lists of the REST interface, with what each can be narrowed to."""
    return [
        *("jobs", "jobs?status=parked", "jobs?status=running", "jobs?status=failed", "jobs?search=nothing"),
        *("jobs?agent=agent-3", "jobs?agent=none", "jobs?outcome=refused", "jobs?requested_by=user:9/x"),
        *(f"jobs/{job.pk}/events", f"jobs/{job.pk}"),
        *("approvals", "approvals?status=pending", "approvals?status=refused", "approvals?mine=true"),
        *("resolutions", "resolutions?status=resolved", "waits", "waits?kind=timer", "waits?agent=none", "agents"),
        "observability/stuck",
    ]
