"""Phone numbers: kept as entered, matched in one form."""

from __future__ import annotations

from datetime import datetime

import pytest

from crm.core.door import move, move_many
from crm.core.phones import e164
from crm.people.models import User
from leads.models import Lead
from tests.factories import make_contact, make_lead


@pytest.mark.parametrize(
    ("entered", "key"),
    [
        ("(415) 555-2671", "+14155552671"),
        ("+1 415 555 2671", "+14155552671"),
        ("415.555.2671 ext. 12", "+14155552671"),
        ("+44 20 7183 8750", "+442071838750"),
        ("１４１５５５５２６７１", "+14155552671"),
        ("call me", ""),
        ("12", ""),
        ("", ""),
    ],
)
def test_a_number_has_one_international_form_or_none(entered: str, key: str) -> None:
    assert e164(entered) == key


def test_a_number_without_a_country_is_read_in_the_given_one() -> None:
    assert e164("020 7183 8750", "GB") == "+442071838750"


@pytest.mark.django_db
def test_what_was_entered_is_kept_beside_the_key() -> None:
    contact = make_contact(phone="(415) 555-2671")
    contact.refresh_from_db()
    assert (contact.phone, contact.phone_key) == ("(415) 555-2671", "+14155552671")


@pytest.mark.django_db
def test_the_key_follows_a_save_that_names_its_fields() -> None:
    contact = make_contact(phone="(415) 555-2671")
    contact.phone = "(415) 555-2672"
    contact.save(update_fields=["phone"])
    contact.refresh_from_db()
    assert contact.phone_key == "+14155552672"


def test_the_key_follows_a_move_that_sets_the_number(alice: User, now: datetime) -> None:
    one, other = make_lead(owner=alice), make_lead(owner=alice)
    move(one, "enrich", actor=alice, at=now, via="test", phone="(415) 555-2671")
    move_many(Lead, [other.pk], "enrich", actor=alice, at=now, via="test", facts={"phone": "(415) 555-2671"})
    assert set(Lead.objects.values_list("phone_key", flat=True)) == {"+14155552671"}
