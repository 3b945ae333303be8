"""The clock of every decision about time, as one SQL function that a test can replace."""

from django.db import migrations

CLOCK = """
CREATE FUNCTION aetheris_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS
$$ SELECT clock_timestamp() $$;
COMMENT ON FUNCTION aetheris_now() IS 'The time at this moment, not at the start of the transaction.';
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial")]

    operations = [migrations.RunSQL(CLOCK, "DROP FUNCTION aetheris_now()")]
