"""What came last into each status, for boards of leads and for how long they have been there."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("leads", "0006_ask_for_profiles")]

    operations = [
        AddIndexConcurrently(
            "lead", models.Index(fields=["status", "-status_since", "-id"], name="leads_lead_by_status_since")
        ),
    ]
