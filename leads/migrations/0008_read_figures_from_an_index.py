"""Everything that figures of the whole pipeline look at in a lead, in the index that boards are ordered by."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("leads", "0007_order_boards")]

    operations = [
        AddIndexConcurrently(
            "lead",
            models.Index(
                fields=["status", "-status_since", "-id"],
                include=["owner", "queue", "lead_source", "created_at"],
                name="leads_lead_figures",
            ),
        ),
        RemoveIndexConcurrently("lead", "leads_lead_by_status_since"),
    ]
