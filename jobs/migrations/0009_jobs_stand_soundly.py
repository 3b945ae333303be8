"""How a job may stand is one check by a function: PostgreSQL reads five expressions anew for each statement that writes."""

from django.db import migrations, models
from django.db.models import F, Func

STANDS = """
CREATE FUNCTION aetheris_job_stands(
    ending text, outcome text, finished_at timestamptz, priority smallint, depth smallint, seq bigint,
    nodes_open integer, nodes_ready integer, nodes_delayed integer, nodes_running integer, nodes_waiting integer,
    nodes_parked integer, conflicts integer, max_parallel integer
) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF priority NOT BETWEEN 1 AND 5
       OR least(depth, seq, nodes_open, nodes_ready, nodes_delayed, nodes_running, nodes_waiting, nodes_parked,
                conflicts, max_parallel) < 0 THEN
        RETURN FALSE;
    END IF;
    IF ending = '' THEN
        RETURN finished_at IS NULL AND outcome = '';
    END IF;
    RETURN ending IN ('completed', 'failed', 'cancelled')
           AND finished_at IS NOT NULL AND outcome <> '' AND nodes_open = 0;
END $$;
"""
UNDO = """
DROP FUNCTION aetheris_job_stands(
    text, text, timestamptz, smallint, smallint, bigint, integer, integer, integer, integer, integer, integer, integer,
    integer);
"""
COLUMNS = (
    *("ending", "outcome", "finished_at", "priority", "depth", "seq", "nodes_open", "nodes_ready", "nodes_delayed"),
    *("nodes_running", "nodes_waiting", "nodes_parked", "conflicts", "max_parallel"),
)


class Migration(migrations.Migration):
    dependencies = [("jobs", "0008_find_jobs_by_their_ending")]

    operations = [
        migrations.RunSQL(STANDS, UNDO),
        migrations.AddConstraint(
            model_name="job",
            constraint=models.CheckConstraint(
                name="job_stands",
                condition=Func(*map(F, COLUMNS), function="aetheris_job_stands", output_field=models.BooleanField()),
            ),
        ),
        *(
            migrations.RemoveConstraint(model_name="job", name=name)
            for name in (
                "job_ending_known",
                "job_final_iff_finished",
                "job_final_has_no_open_node",
                "job_counts_stand",
                "job_priority_known",
            )
        ),
    ]
