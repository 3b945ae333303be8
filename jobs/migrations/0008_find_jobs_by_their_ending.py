from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0007_counts_stand_together'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='job',
            index=models.Index(fields=['tenant', 'ending', '-id'], name='job_by_ending'),
        ),
    ]
