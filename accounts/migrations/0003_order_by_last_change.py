"""What changed last, for programs that follow; whole names and addresses are found by the indexes of their beginnings."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("accounts", "0002_find_by_first_letters")]

    operations = [
        AddIndexConcurrently("account", models.Index(fields=["updated_at", "id"], name="accounts_account_by_change")),
        AddIndexConcurrently("contact", models.Index(fields=["updated_at", "id"], name="accounts_contact_by_change")),
        AddIndexConcurrently("contact", models.Index(fields=["lead_source", "-id"], name="accounts_contact_by_source")),
        RemoveIndexConcurrently("account", "accounts_account_by_name"),
        RemoveIndexConcurrently("contact", "accounts_contact_by_email"),
        RemoveIndexConcurrently("contact", "accounts_contact_by_personal"),
    ]
