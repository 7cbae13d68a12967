"""The changes of a record in the order in which they were true, as its timeline tells them."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False
    dependencies = [
        ('history', '0003_keep_prior_changes'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='change',
            index=models.Index(fields=['object', 'record_id', 'at', 'id'], name='history_change_by_time'),
        ),
    ]
