"""A process that falls silent in the middle of a transaction keeps the job, or the tick of all sweeps, that it has
locked. PostgreSQL ends such a session after some seconds; a role's setting also holds behind PgBouncer."""

from django.db import migrations

LIMIT = """
DO $$ BEGIN
    EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET idle_in_transaction_session_timeout = ''5s''',
                   current_database());
END $$"""
NO_LIMIT = """
DO $$ BEGIN
    EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I RESET idle_in_transaction_session_timeout',
                   current_database());
END $$"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0004_find_jobs_with_conflicts")]

    operations = [migrations.RunSQL(LIMIT, NO_LIMIT)]
