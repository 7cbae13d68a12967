"""Columns are called as people call them: in the log, and where labels are held against the handbook."""

import crm.core.text
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0006_add_up_key_days"),
    ]

    operations = [
        migrations.AlterField(
            model_name="bulkjob",
            name="api_key",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="bulk_jobs",
                to="sync.apikey",
                verbose_name="API key",
            ),
        ),
        migrations.AlterField(
            model_name="webhook",
            name="url",
            field=crm.core.text.Line(blank=True, default="", max_length=500, verbose_name="address"),
        ),
        migrations.AlterField(
            model_name="webhookmessage",
            name="pos",
            field=models.BigIntegerField(default=0, verbose_name="place in the feed"),
        ),
    ]
