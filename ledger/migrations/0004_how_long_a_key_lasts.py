from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0003_effects_and_priorities'),
    ]

    operations = [
        migrations.AddField(
            model_name='entry',
            name='key_until',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
