"""What changed last, for programs that follow, and where opportunities came from."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("contracts", "0002_add_contact_roles")]

    operations = [
        AddIndexConcurrently(
            "opportunity", models.Index(fields=["lead_source", "-id"], name="contracts_opp_by_source")
        ),
        AddIndexConcurrently("opportunity", models.Index(fields=["updated_at", "id"], name="contracts_opp_by_change")),
        AddIndexConcurrently(
            "contract", models.Index(fields=["updated_at", "id"], name="contracts_contract_by_change")
        ),
    ]
