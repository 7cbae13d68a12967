"""Converting a lead (L12): what a person chooses, and the receipt of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from crm.core.door import move
from crm.history.models import Change, Move, Transaction
from crm.people.models import User
from leads.models import Conversion
from tests.factories import make_account, make_contact, make_opportunity
from tests.leads.converting import codes, convert, counts, how, ready

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("given", ["instance", "id", "text"])
def test_each_of_the_three_can_be_chosen(given: str, alice: User, now: datetime) -> None:
    make_account(name="Globex")  # would match
    make_contact(email="lea@globex.example")
    account, contact = make_account(), make_contact()
    opportunity = make_opportunity(account=account)
    chosen = {"account": account, "contact": contact, "opportunity": opportunity}
    facts: dict[str, Any] = {
        name: record if given == "instance" else record.pk if given == "id" else str(record.pk)
        for name, record in chosen.items()
    }
    receipt = convert(ready(owner=alice, email="lea@globex.example"), alice, now, **facts)
    assert (receipt.account, receipt.contact, receipt.opportunity) == (account, contact, opportunity)
    assert set(how(receipt).values()) == {"chosen by Alice"}


def test_new_is_made_although_there_is_a_match(alice: User, now: datetime) -> None:
    account = make_account(name="Globex")
    make_contact(email="lea@globex.example", account=account)
    make_opportunity(account=account)
    lead = ready(owner=alice, email="lea@globex.example")
    receipt = convert(lead, alice, now, account="new", contact="new", opportunity="new")
    assert set(how(receipt).values()) == {"made"}
    assert counts() == [2, 2, 2, 1]
    assert receipt.opportunity.account == receipt.account != account


def test_a_chosen_opportunity_brings_its_account(alice: User, now: datetime) -> None:
    make_account(name="Globex")
    opportunity = make_opportunity()
    receipt = convert(ready(owner=alice), alice, now, opportunity=opportunity)
    assert receipt.account == opportunity.account


def test_a_chosen_opportunity_needs_neither_owner_nor_next_step(alice: User, now: datetime) -> None:
    lead, opportunity = ready(owner=alice), make_opportunity(next_step="Theirs")
    move(lead, "convert", actor=alice, at=now, via="test", opportunity=opportunity)
    opportunity.refresh_from_db()
    assert (lead.converted_opportunity, opportunity.next_step) == (opportunity, "Theirs")


@pytest.mark.parametrize("value", ["999999999", "x", "-1", "1" * 30, "²"])
@pytest.mark.parametrize("name", ["account", "contact", "opportunity"])
def test_a_record_that_does_not_exist_cannot_be_chosen(name: str, value: str, alice: User, now: datetime) -> None:
    lead = ready(owner=alice)
    assert codes(lambda: convert(lead, alice, now, **{name: value})) == (f"invalid_{name}",)


def test_a_user_who_left_cannot_take_over(alice: User, ann: User, now: datetime) -> None:
    User.objects.filter(pk=ann.pk).update(is_active=False)
    assert codes(lambda: convert(ready(owner=alice), alice, now, opportunity_owner=ann)) == (
        "invalid_opportunity_owner",
    )


# --- the receipt ------------------------------------------------------------------------------------------------------


def test_the_receipt_says_what_was_considered_chosen_and_copied(alice: User, ann: User, now: datetime) -> None:
    account = make_account(name="Globex")
    lead = ready(owner=alice, email="lea@globex.example", title="CISO", city="Oslo")
    receipt = convert(lead, alice, now, opportunity_owner=ann, note="Hurry", contact="new", amount=Decimal("10"))
    stored = Conversion.objects.get()
    assert (
        stored.receipt
        == receipt.receipt
        == {
            "considered": {
                "accounts": [{"id": account.pk, "name": "Globex", "why": "same name", "exact": True}],
                "contacts": [],
                "opportunities": [],
            },
            "chosen": {
                "account": {"id": account.pk, "name": "Globex", "how": "matched: same name"},
                "contact": {"id": stored.contact_id, "name": str(stored.contact), "how": "made"},
                "opportunity": {"id": stored.opportunity_id, "name": "Globex 2026", "how": "made"},
            },
            "copied": {
                "contact": {
                    "first_name": "Lea",
                    "last_name": lead.last_name,
                    "title": "CISO",
                    "email": "lea@globex.example",
                    "mailing_city": "Oslo",
                }
            },
            "facts": {
                "opportunity_owner": {"id": ann.pk, "name": "Ann"},
                "next_step": "Call them",
                "next_step_due": "2026-03-06",
                "amount": "10",
                "note": "Hurry",
            },
        }
    )
    assert (stored.at, stored.by, stored.note, stored.state) == (now, alice, "Hurry", "handed_over")


def test_the_receipt_is_found_from_all_four_records(alice: User, now: datetime) -> None:
    receipt = convert(ready(owner=alice), alice, now)
    for record in (receipt.lead, receipt.account, receipt.contact, receipt.opportunity):
        assert list(record.conversions.all()) == [receipt]


def test_it_is_one_transaction(alice: User, now: datetime) -> None:
    before = Transaction.objects.count()
    lead = ready(owner=alice)
    made_by_setting_up = Transaction.objects.count() - before
    receipt = convert(lead, alice, now)
    assert Transaction.objects.count() == before + made_by_setting_up + 1
    step = Move.objects.of(lead).last()
    assert step is not None
    for record in (lead, receipt.account, receipt.contact, receipt.opportunity, receipt):
        assert Change.objects.of(record).first().transaction_id == step.transaction_id  # type: ignore[union-attr]
