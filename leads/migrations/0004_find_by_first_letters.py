"""Indexes of the search, made without holding the table: by trigrams, and by what names begin with."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import F
from django.db.models.functions import Lower


def begins(left, name):
    return AddIndexConcurrently("lead", models.Index(OpClass(left, name="text_pattern_ops"), name=name))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("leads", "0003_search_in_domains")]

    operations = [
        AddIndexConcurrently("lead", GinIndex(OpClass(F("search"), name="gin_trgm_ops"), name="leads_lead_search")),
        begins(Lower("first_name"), "leads_lead_first_name_begins"),
        begins(Lower("last_name"), "leads_lead_last_name_begins"),
        begins(Lower("company"), "leads_lead_company_begins"),
        begins(F("email_key"), "leads_lead_email_begins"),
    ]
