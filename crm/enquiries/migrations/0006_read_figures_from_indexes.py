"""Everything that figures of response times read of an enquiry, in the order in which enquiries were received."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False
    dependencies = [
        ('enquiries', '0005_follow_conversations'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='enquiry',
            index=models.Index(fields=['received_at'], include=['id', 'clock', 'channel', 'barred', 'voided_at', 'voided_by', 'lead', 'account', 'opportunity', 'owner', 'queue'], name='enquiries_figures'),
        ),
    ]
