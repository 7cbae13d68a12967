"""What programs find pairs by, and which changed last."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


def index(model, name, *fields):
    return AddIndexConcurrently(model, models.Index(fields=list(fields), name=name))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("duplicates", "0001_pairs_and_tombstones")]

    operations = [
        index("pair", "duplicates_pair_by_exact", "exact", "-id"),
        index("pair", "duplicates_pair_by_change", "updated_at", "id"),
    ]
