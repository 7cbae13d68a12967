"""What programs find opportunities by, and what of their people and of invoices changed last."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


def index(model, name, *fields):
    return AddIndexConcurrently(model, models.Index(fields=list(fields), name=name))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("contracts", "0008_find_by_first_letters")]

    operations = [
        index("opportunity", "contracts_opp_by_type", "type", "-id"),
        index("contactrole", "contracts_role_by_change", "updated_at", "id"),
        index("invoice", "contracts_invoice_by_change", "updated_at", "id"),
    ]
