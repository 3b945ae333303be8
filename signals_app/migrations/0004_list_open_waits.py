from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0005_silent_transactions_end'),
        ('signals_app', '0003_questions'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='wait',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['tenant', '-job'], name='wait_open'),
        ),
    ]
