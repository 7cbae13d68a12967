"""What happened in a time, of all records of a kind: figures of a period read no other moves."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("history", "0005_name_the_place_in_the_feed")]

    operations = [
        AddIndexConcurrently("move", models.Index(fields=["object", "at"], name="history_move_by_time")),
    ]
