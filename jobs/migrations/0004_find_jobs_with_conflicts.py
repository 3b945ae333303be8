from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0003_effects_and_priorities'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('conflicts__gt', 0)), fields=['-id'], name='job_with_conflicts'),
        ),
    ]
