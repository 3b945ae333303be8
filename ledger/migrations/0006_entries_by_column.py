"""An entry is inserted by the names of its columns. Workers that are here while a later migration adds one, with a
default, do not name it: `SELECT *` would write NULL into it, and none of their commits would land."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("ledger.migrations.0005_one_statement").RECORD
HEAD = "FUNCTION aetheris_record("
INSERT = "INSERT INTO ledger_entry SELECT * FROM"
COLUMNS = """job_id, step_id, attempt, tenant, node, position, kind, effect, tool, tool_version, arguments_digest,
                              idempotency_key, state, lease_token, sends, first_sent_at, send_by, settled_by, key_until,
                              result, error, opened_at, settled_at"""

BY_POSITION = f"CREATE OR REPLACE {HEAD}{BEFORE.partition(HEAD)[2]}"
BY_NAME = BY_POSITION.replace(
    INSERT, f"INSERT INTO ledger_entry ({COLUMNS})\n    SELECT {COLUMNS}\n      FROM"
)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_one_statement")]

    operations = [migrations.RunSQL(BY_NAME, BY_POSITION)]
