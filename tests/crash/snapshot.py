"""Every row of the runtime's tables, as the database has them now."""

import json

from django.apps import apps
from django.db import connection

APPS = ("jobs", "ledger", "signals_app")


def snapshot() -> dict[str, list[str]]:
    """Table → its rows as sorted text. Two equal snapshots mean that nothing differs."""
    tables = [model._meta.db_table for app in APPS for model in apps.get_app_config(app).get_models()]
    rows = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT row_to_json(t)::text FROM {table} AS t")
            rows[table] = sorted(row[0] for row in cursor.fetchall())
    return rows


def as_text(rows: dict[str, list[str]]) -> str:
    return json.dumps(rows, sort_keys=True, indent=1)
