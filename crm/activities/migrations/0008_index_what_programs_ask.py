"""What programs find tasks by."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


def index(model, name, *fields):
    return AddIndexConcurrently(model, models.Index(fields=list(fields), name=name))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("activities", "0007_plan_outreach")]

    operations = [
        index("task", "activities_task_by_done", "done_at", "id"),
        index("task", "activities_task_by_kind", "kind", "-id"),
        index("task", "activities_task_by_day", "due_on", "id"),
    ]
