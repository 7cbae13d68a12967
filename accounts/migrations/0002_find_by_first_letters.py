"""Indexes of the search by what names begin with, made without holding the tables."""

from django.contrib.postgres.indexes import OpClass
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import F
from django.db.models.functions import Lower


def begins(model, left, name):
    return AddIndexConcurrently(model, models.Index(OpClass(left, name="text_pattern_ops"), name=name))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("accounts", "0001_create_accounts_and_contacts")]

    operations = [
        begins("account", F("name_key"), "accounts_account_name_begins"),
        begins("contact", Lower("first_name"), "accounts_contact_first_begins"),
        begins("contact", Lower("last_name"), "accounts_contact_last_begins"),
        begins("contact", F("email_key"), "accounts_contact_email_begins"),
        begins("contact", F("personal_email_key"), "accounts_contact_own_begins"),
    ]
