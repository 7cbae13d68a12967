"""What a lead became is indexed where there is something: all other writes of a lead enter it into three indexes less."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

BECAME = {
    "account": "accounts.account",
    "contact": "accounts.contact",
    "opportunity": "contracts.opportunity",
}


def by_converted(kind):
    condition = Q(**{f"converted_{kind}__isnull": False})
    return models.Index(fields=[f"converted_{kind}"], name=f"leads_lead_to_{kind}", condition=condition)


def field(target):
    return models.ForeignKey(
        blank=True,
        db_index=False,
        editable=False,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="converted_leads",
        to=target,
    )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("leads", "0009_restore_search_text")]

    operations = [
        *(migrations.AlterField("lead", f"converted_{kind}", field(target)) for kind, target in BECAME.items()),
        *(AddIndexConcurrently("lead", by_converted(kind)) for kind in BECAME),
    ]
