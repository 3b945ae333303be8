"""A question about an unknown effect gets an id of its own, and a face for the doors."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0003_effects_and_priorities'),
        ('signals_app', '0002_effects_and_priorities'),
    ]

    operations = [
        migrations.CreateModel(
            name='UnknownOutcome',
            fields=[
                ('id', models.UUIDField(db_column='question_id', primary_key=True, serialize=False)),
                ('tenant', models.CharField(max_length=63)),
                ('correlation_key', models.CharField(max_length=500)),
                ('node', models.CharField(max_length=200)),
                ('kind', models.CharField(max_length=12)),
                ('state', models.CharField(choices=[('declared', 'Declared'), ('open', 'Open'), ('resolved', 'Resolved'), ('timed_out', 'Timed Out'), ('cancelled', 'Cancelled')], max_length=10)),
                ('reason', models.TextField()),
                ('opened_at', models.DateTimeField(verbose_name='asked at')),
                ('proposed_by', models.CharField(max_length=255)),
                ('answer', models.TextField(null=True)),
                ('answered_by', models.CharField(max_length=255)),
                ('ended_at', models.DateTimeField(null=True, verbose_name='answered at')),
            ],
            options={
                'db_table': 'signals_app_wait',
                'managed': False,
                'default_permissions': ('view',),
            },
        ),
        migrations.AddField(
            model_name='wait',
            name='question_id',
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.RunSQL(
            "UPDATE signals_app_wait SET question_id = gen_random_uuid() WHERE kind = 'resolution'",
            migrations.RunSQL.noop,
        ),
        migrations.AddIndex(
            model_name='wait',
            index=models.Index(condition=models.Q(('kind', 'resolution')), fields=['tenant', 'state', '-question_id'], name='wait_question'),
        ),
        migrations.AddConstraint(
            model_name='wait',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'resolution'), ('question_id__isnull', False)), models.Q(models.Q(('kind', 'resolution'), _negated=True), ('question_id__isnull', True)), _connector='OR'), name='wait_question_iff_resolution'),
        ),
        migrations.AddConstraint(
            model_name='wait',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'resolution')), fields=('tenant', 'question_id'), name='wait_question_unique'),
        ),
    ]
