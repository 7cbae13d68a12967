"""Indexes of the search by what names begin with, made without holding the tables."""

from django.contrib.postgres.indexes import OpClass
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import F


def begins(model, name):
    return AddIndexConcurrently(model, models.Index(OpClass(F("name_key"), name="text_pattern_ops"), name=name))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("contracts", "0007_keep_promises")]

    operations = [
        begins("opportunity", "contracts_opp_name_begins"),
        begins("contract", "contracts_contract_name_begins"),
    ]
