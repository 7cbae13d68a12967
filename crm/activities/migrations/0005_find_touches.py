"""Touches by kind, outcome, time and last change, as programs ask for them."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("activities", "0004_define_who_is_suppressed")]

    operations = [
        AddIndexConcurrently("activity", models.Index(fields=["kind", "-id"], name="activities_touch_by_kind")),
        AddIndexConcurrently("activity", models.Index(fields=["outcome", "-id"], name="activities_touch_by_outcome")),
        AddIndexConcurrently("activity", models.Index(fields=["happened_at", "id"], name="activities_touch_by_time")),
        AddIndexConcurrently("activity", models.Index(fields=["updated_at", "id"], name="activities_touch_by_change")),
    ]
