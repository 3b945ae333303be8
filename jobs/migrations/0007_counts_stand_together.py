"""That no count is below zero is checked by one expression a table: one for each column cost a tenth of every write."""

from django.db import migrations, models
from django.db.models.functions import Least
from django.db.models.lookups import GreaterThanOrEqual

from aetheris.core.priority import USUAL

JOB_COUNTS = ("nodes_open", "nodes_ready", "nodes_delayed", "nodes_running", "nodes_waiting", "nodes_parked", "conflicts")
NODE_COUNTS = ("children_open", "unmet", "taken", "claims", "tries", "crashes")


class Migration(migrations.Migration):
    dependencies = [("jobs", "0006_nodes_stand_soundly")]

    operations = [
        *(migrations.AlterField("job", name, models.IntegerField(default=0)) for name in JOB_COUNTS),
        migrations.AlterField("job", "depth", models.SmallIntegerField(default=0)),
        migrations.AlterField("job", "seq", models.BigIntegerField(default=0)),
        migrations.AlterField("job", "max_parallel", models.IntegerField(blank=True, null=True)),
        migrations.AlterField("job", "priority", models.SmallIntegerField(default=USUAL)),
        *(migrations.AlterField("node", name, models.IntegerField(default=0)) for name in NODE_COUNTS),
        migrations.AlterField("node", "position", models.IntegerField()),
        migrations.AlterField("node", "priority", models.SmallIntegerField(default=USUAL)),
        migrations.AddConstraint(
            "job",
            models.CheckConstraint(
                name="job_counts_stand",
                condition=GreaterThanOrEqual(
                    Least("depth", "seq", *JOB_COUNTS, "max_parallel", output_field=models.BigIntegerField()), 0
                ),
            ),
        ),
        migrations.AddConstraint(
            "node",
            models.CheckConstraint(
                name="node_counts_stand", condition=GreaterThanOrEqual(Least("position", *NODE_COUNTS), 0)
            ),
        ),
    ]
