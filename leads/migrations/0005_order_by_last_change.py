"""What changed last, for programs that follow; whole addresses are found by the index of their beginnings."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("leads", "0004_find_by_first_letters")]

    operations = [
        AddIndexConcurrently("lead", models.Index(fields=["updated_at", "id"], name="leads_lead_by_change")),
        RemoveIndexConcurrently("lead", "leads_lead_by_email"),
    ]
