"""Everything that a verdict, and whose it is, takes: figures read it of many clocks without reading the clocks."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False
    dependencies = [
        ('clocks', '0001_run_clocks'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='clock',
            index=models.Index(fields=['id'], include=['policy', 'limit_at', 'paused_at', 'stopped_at', 'voided_at', 'verdict_owner', 'verdict_team', 'worked_seconds'], name='clocks_clock_verdicts'),
        ),
    ]
