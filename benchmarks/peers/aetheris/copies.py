"""Full tables: the rows of one job again and again under new ids, all older than any job to come."""

from uuid import UUID

from django.db import connection, models

from jobs.models import Body, Edge, Job, Node
from ledger.models import Entry, Event
from signals_app.models import Wait

PORTION = 10_000
_BEGIN = 0x019000000000
"""Milliseconds since 1970, as UUIDv7 has them in front: in 2024."""

_NEW_IDS = """
    INSERT INTO bench_copy (job)
    SELECT (substr(stamp, 1, 8) || '-' || substr(stamp, 9) || '-7' || substr(gen_random_uuid()::text, 16))::uuid
      FROM (SELECT lpad(to_hex(%s + number), 12, '0') AS stamp FROM generate_series(1, %s) AS number) AS stamps"""


def copy_job(job: UUID, count: int) -> None:
    """So many jobs more, just as this one. Their event chains are not sound: nobody proves them."""
    statements = [_copy(Job, "id"), *(_copy(model, "job_id") for model in (Node, Edge, Body, Wait, Entry, Event))]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE bench_copy (job uuid)")
        for first in range(0, count, PORTION):
            cursor.execute("TRUNCATE bench_copy")
            cursor.execute(_NEW_IDS, [_BEGIN + first, min(PORTION, count - first)])
            for statement in statements:
                cursor.execute(statement, [job])
        cursor.execute("DROP TABLE bench_copy")
        cursor.execute("VACUUM ANALYZE")


def _copy(model: type[models.Model], key: str) -> str:
    """The statement that copies a job's rows of one table."""
    columns = [field.column for field in model._meta.local_fields if field.column and not field.generated]
    names = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join("copy.job" if column in (key, "root_id") else f'one."{column}"' for column in columns)
    return (
        f'INSERT INTO "{model._meta.db_table}" ({names}) SELECT {values} '  # noqa: S608  names of the schema
        f'FROM "{model._meta.db_table}" AS one CROSS JOIN bench_copy AS copy WHERE one."{key}" = %s'
    )
