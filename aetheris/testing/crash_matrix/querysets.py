"""SQL of the crash matrix: a clock for all processes of its database, and when something is due by it."""

from uuid import UUID

from django.db import connection

_NEXT = """
    SELECT EXTRACT(EPOCH FROM MIN(moment) - aetheris_now())::float FROM (
        SELECT GREATEST(lease_expires_at, (SELECT quiet_until FROM jobs_tick)) FROM jobs_node
         WHERE job_id = %(job)s AND state = 'running'
        UNION ALL
        SELECT GREATEST(not_before, rung_at + interval '1 second') FROM jobs_node
         WHERE job_id = %(job)s AND state = 'ready'
    ) AS moments(moment)
"""


def make_clock() -> None:
    """From now on time passes only faster than usual, by `advance`."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS crash_matrix_clock (ahead interval NOT NULL)")
        cursor.execute("TRUNCATE crash_matrix_clock")
        cursor.execute("INSERT INTO crash_matrix_clock VALUES (interval '0')")
        cursor.execute(
            "CREATE OR REPLACE FUNCTION aetheris_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS"
            " $$ SELECT clock_timestamp() + (SELECT ahead FROM crash_matrix_clock) $$"
        )


def keep_what_was_committed() -> None:
    """From now on a COMMIT is answered only when the kernel has it, so that the server may be killed."""
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{connection.settings_dict["NAME"]}" SET synchronous_commit = on')


def advance(seconds: float) -> None:
    """Let time pass."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE crash_matrix_clock SET ahead = ahead + make_interval(secs => %s)", [seconds])


def seconds_to_the_next_moment(job_id: UUID) -> float:
    """Until a lease of the job ends, or a node of it is due."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"job": job_id})
        row = cursor.fetchone()
    return float(row[0]) if row and row[0] is not None else 0.0


def forget_sweeps() -> None:
    """As if nobody had swept or rung in this database yet."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs_tick")
        cursor.execute("DELETE FROM jobs_bell")
