"""Gmail's dots and its two names: one mailbox, one key, also for what was stored before."""

from __future__ import annotations

import importlib

import pytest
from django.db import connection

from crm.core.keys import compute_keys
from leads.models import Lead
from tests.factories import make_contact, make_lead

pytestmark = pytest.mark.django_db
migration = importlib.import_module("crm.core.migrations.0002_fold_dots_of_gmail")


@pytest.mark.parametrize(
    "entered",
    [
        "leaprospect@gmail.com",
        "lea.prospect@gmail.com",
        "L.e.a.Prospect+x@GoogleMail.com.",
        "lea.prospect@ｇｍａｉｌ.com",
    ],
)
def test_every_spelling_of_a_gmail_address_has_one_key(entered: str) -> None:
    assert compute_keys("email_key", [entered]) == ["leaprospect@gmail.com"]


@pytest.mark.parametrize("entered", ["lea.p@gmail.example", "lea.p@notgmail.com", "lea.p@gmail.com.example"])
def test_dots_elsewhere_tell_people_apart(entered: str) -> None:
    assert compute_keys("email_key", [entered]) == [entered]


def test_what_was_stored_before_is_brought_up_to_date() -> None:
    with connection.cursor() as cursor:
        cursor.execute(migration.BEFORE)
    lead = make_lead(email="lea.prospect@gmail.com", second_email="l.p@googlemail.com")
    contact, other = make_contact(personal_email="lea.prospect@gmail.com"), make_contact()
    assert Lead.objects.get(pk=lead.pk).email_key == "lea.prospect@gmail.com"
    with connection.cursor() as cursor:
        cursor.execute(migration.EMAIL_KEY)
        cursor.execute(migration.RENEW)
    lead.refresh_from_db()
    contact.refresh_from_db()
    assert (lead.email_key, lead.second_email_key) == ("leaprospect@gmail.com", "lp@gmail.com")
    assert (lead.email, lead.version) == ("lea.prospect@gmail.com", 1), "no change of the record"
    assert contact.personal_email_key == "leaprospect@gmail.com"
    before = other.updated_at
    other.refresh_from_db()
    assert other.updated_at == before
