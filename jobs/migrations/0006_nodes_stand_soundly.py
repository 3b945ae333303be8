"""How a node may stand is said by one function: as expressions, the server read them again in every statement."""

from django.db import migrations, models
from django.db.models import F, Func

STANDS = """
CREATE FUNCTION aetheris_node_stands(
    state text, ending text, lease_token uuid, lease_expires_at timestamptz, finished_at timestamptz
) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    CASE state
        WHEN 'running' THEN
            RETURN ending = '' AND finished_at IS NULL AND lease_token IS NOT NULL AND lease_expires_at IS NOT NULL;
        WHEN 'blocked', 'ready', 'waiting' THEN
            RETURN ending = '' AND finished_at IS NULL AND lease_token IS NULL AND lease_expires_at IS NULL;
        WHEN 'completed' THEN
            RETURN ending IN ('success', 'refused')
                   AND finished_at IS NOT NULL AND lease_token IS NULL AND lease_expires_at IS NULL;
        WHEN 'failed' THEN
            RETURN ending IN ('error', 'timeout')
                   AND finished_at IS NOT NULL AND lease_token IS NULL AND lease_expires_at IS NULL;
        WHEN 'cancelled', 'skipped' THEN
            RETURN ending = '' AND finished_at IS NOT NULL AND lease_token IS NULL AND lease_expires_at IS NULL;
        ELSE
            RETURN FALSE;
    END CASE;
END $$;
"""
COLUMNS = ("state", "ending", "lease_token", "lease_expires_at", "finished_at")


class Migration(migrations.Migration):
    dependencies = [("jobs", "0005_silent_transactions_end")]

    operations = [
        migrations.RunSQL(STANDS, "DROP FUNCTION aetheris_node_stands(text, text, uuid, timestamptz, timestamptz)"),
        migrations.AddConstraint(
            model_name="node",
            constraint=models.CheckConstraint(
                name="node_stands",
                condition=Func(
                    *map(F, COLUMNS), function="aetheris_node_stands", output_field=models.BooleanField()
                ),
            ),
        ),
        *(
            migrations.RemoveConstraint(model_name="node", name=name)
            for name in (
                "node_state_known",
                "node_final_iff_finished",
                "node_running_iff_leased",
                "node_ending_fits_state",
            )
        ),
    ]
