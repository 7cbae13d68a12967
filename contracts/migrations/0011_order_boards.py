"""What came last into each stage, for boards of opportunities and for how long they have been there."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("contracts", "0010_state_forecasts")]

    operations = [
        AddIndexConcurrently(
            "opportunity", models.Index(fields=["stage", "-stage_since", "-id"], name="contracts_opp_by_stage_since")
        ),
    ]
