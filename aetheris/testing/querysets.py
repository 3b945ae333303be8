"""All SQL of the test kit."""

from datetime import datetime, timedelta

from django.apps import apps
from django.db import connection

KEPT = {"django_migrations", "django_content_type", "auth_permission"}


def empty() -> None:
    """Take all rows away. The triggers that forbid it are for the product's roles, not for this one."""
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)} - KEPT
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"TRUNCATE {', '.join(sorted(tables))}")
        cursor.execute("RESET session_replication_role")


def set_clock(stopped_at: datetime | None, ahead: timedelta) -> None:
    """Let the database's clock stand at a moment, or run, so far ahead."""
    runs = "clock_timestamp()" if stopped_at is None else f"'{stopped_at.isoformat()}'::timestamptz"
    microseconds = ahead // timedelta(microseconds=1)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION aetheris_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS "
            f"$$ SELECT {runs} + interval '{microseconds} microseconds' $$"
        )
