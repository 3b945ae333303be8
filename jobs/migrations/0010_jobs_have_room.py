"""A job's row is written anew with each step: where its page has room for that, no index hears of it."""

import django.db.models.deletion
from django.db import migrations, models

ROOM = "ALTER TABLE jobs_job SET (fillfactor = 70)"
NO_ROOM = "ALTER TABLE jobs_job RESET (fillfactor)"


class Migration(migrations.Migration):
    dependencies = [("jobs", "0009_jobs_stand_soundly")]

    operations = [
        migrations.RunSQL(ROOM, NO_ROOM),
        # `job_by_agent` begins with the same column.
        migrations.AlterField(
            "job",
            "agent",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="jobs",
                to="jobs.agent",
            ),
        ),
    ]
