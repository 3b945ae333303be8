"""SQL that stores many new rows of any table."""

from collections.abc import Sequence

import orjson
from django.db import connection, models

BATCH = 1000


def insert_all(rows: Sequence[models.Model]) -> None:
    """Store new rows of one model; as JSON, of which Python makes a row in a tenth of the time that it needs for a list
    of values. Raises what the database raises."""
    for first in range(0, len(rows), BATCH):
        _insert(rows[first : first + BATCH])


def _insert(rows: Sequence[models.Model]) -> None:
    quoted, meta = connection.ops.quote_name, rows[0]._meta
    names = {str(field.column): field.attname for field in meta.concrete_fields if not field.generated}
    table, columns = quoted(meta.db_table), ", ".join(map(quoted, names))
    told = [{column: values[name] for column, name in names.items()} for values in map(vars, rows)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns})"  # noqa: S608  the model's own names
            f" SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, %s)",
            [orjson.dumps(told).decode()],
        )
