"""A merge that is undone leaves every table as it was, ids included; what somebody touched since is left, and named."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from accounts.models import Account, Contact
from crm.activities.models import SuppressedKey
from crm.core.acting import acting
from crm.core.errors import Refused
from crm.duplicates.models import Tombstone
from crm.history.models import Transaction
from crm.history.revert import revert
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.duplicates.dumping import (
    differences,
    dump,
    merge,
    pair,
    surround,
    two_accounts,
    two_contacts,
    two_leads,
    undo,
    withhold,
)
from tests.factories import make_account, make_contact, make_lead

pytestmark = pytest.mark.django_db


def test_two_leads_are_as_they_were(alice: User, now: datetime) -> None:
    one, other = two_leads(alice)
    pair(one, other)
    pair(other, make_lead(owner=alice))
    before = dump()
    done = merge(one, other, actor=alice, at=now)
    assert differences(before, dump())
    result = undo(done, actor=alice, at=now)
    assert [row for row in result.rows if row.outcome != "put_back"] == []
    assert differences(before, dump()) == []


def test_two_accounts_are_as_they_were(alice: User, now: datetime) -> None:
    one, other = two_accounts(alice)
    lead = make_lead(status=Status.SAO_CONVERTED, converted_account=other)
    before = dump()
    done = merge(one, other, actor=alice, at=now)
    lead.refresh_from_db()
    assert lead.converted_account_id == one.pk
    undo(done, actor=alice, at=now)
    assert differences(before, dump()) == []


def test_two_contacts_are_as_they_were(alice: User, now: datetime) -> None:
    one, other = two_contacts(alice)
    before = dump()
    done = merge(one, other, actor=alice, at=now)
    assert Contact.objects.get(pk=one.pk).is_main_dri
    undo(done, actor=alice, at=now)
    assert differences(before, dump()) == []


def test_a_lead_that_became_a_contact_is_a_lead_again(alice: User, now: datetime) -> None:
    contact, lead = make_contact(owner=alice), make_lead(owner=alice, status=Status.WORKING_TO_ENGAGE)
    surround(contact, alice, 1)
    surround(lead, alice, 2)
    withhold(alice, now, lead.email)
    before = dump()
    done = merge(contact, lead, actor=alice, at=now)
    assert not Lead.objects.filter(pk=lead.pk).exists()
    undo(done, actor=alice, at=now)
    assert differences(before, dump()) == []


def test_five_leads_with_withdrawals_and_a_do_not_contact_are_as_they_were(alice: User, now: datetime) -> None:
    leads = [make_lead(owner=alice) for _ in range(3)]
    leads += [make_lead(owner=alice, status=Status.CLOSED_DO_NOT_CONTACT), make_lead(owner=None)]
    for number, lead in enumerate(leads):
        surround(lead, alice, number)
    withhold(alice, now, leads[1].email)
    before = dump()
    done = merge(*leads, actor=alice, at=now)
    leads[0].refresh_from_db()
    assert leads[0].status == Status.CLOSED_DO_NOT_CONTACT
    assert SuppressedKey.objects.filter(key=leads[0].email_key).exists()
    undo(done, actor=alice, at=now)
    assert differences(before, dump()) == []


def test_of_a_merge_whose_survivor_was_merged_since_the_other_comes_back(alice: User, now: datetime) -> None:
    first, second, third = (make_lead(owner=alice) for _ in range(3))
    one = merge(second, third, actor=alice, at=now)
    merge(first, second, actor=alice, at=now)
    rows = {row.record_id: row for row in undo(one, actor=alice, at=now).rows if row.object == "lead"}
    assert (rows[second.pk].outcome, rows[second.pk].message) == ("gone", "It was deleted by Alice since.")
    assert rows[third.pk].outcome == "put_back"
    assert set(Lead.objects.values_list("pk", flat=True)) == {first.pk, third.pk}


def test_what_was_touched_since_stays_and_is_named(alice: User, bob: User, now: datetime) -> None:
    one, other = two_leads(alice)
    done = merge(one, other, actor=alice, at=now)
    one.refresh_from_db()
    with acting(actor=bob, via="test", at=now):
        one.title = "Chief of everything"
        one.save(update_fields=["title"])
    result = undo(done, actor=alice, at=now)
    (left,) = [row for row in result.rows if row.outcome != "put_back"]
    assert (left.object, left.record_id, left.outcome) == ("lead", one.pk, "touched")
    assert left.message == "It was changed by Bob since."
    assert Lead.objects.get(pk=other.pk).last_name == "Prospekt"
    assert Lead.objects.get(pk=one.pk).title == "Chief of everything"


def test_a_withdrawal_stays_with_a_survivor_that_stays_as_it_is(alice: User, bob: User, now: datetime) -> None:
    one, other = make_lead(owner=alice), make_lead(owner=alice, status=Status.CLOSED_DO_NOT_CONTACT)
    withhold(alice, now, other.email)
    done = merge(one, other, actor=alice, at=now)
    with acting(actor=bob, via="test", at=now):
        Lead.objects.filter(pk=one.pk).update(title="Other")
    undo(done, actor=alice, at=now)
    assert SuppressedKey.objects.filter(key=one.email_key).exists()


def test_it_is_undone_within_thirty_days(alice: User, mona: User, now: datetime) -> None:
    one, other = two_leads(alice)
    done = merge(one, other, actor=alice, at=now)
    with pytest.raises(Refused) as refused:
        undo(done, actor=mona, at=now + timedelta(days=30, seconds=1))
    assert (refused.value.code, refused.value.message) == ("too_late", "A merge is undone within 30 days.")
    assert undo(done, actor=alice, at=now + timedelta(days=30)).put_back


def test_what_took_a_merge_apart_is_not_undone(alice: User, now: datetime) -> None:
    one, other = two_leads(alice)
    result = undo(merge(one, other, actor=alice, at=now), actor=alice, at=now)
    with pytest.raises(Refused) as refused:
        revert(Transaction.objects.get(pk=str(result.transaction_id)), actor=alice, at=now, via="test")
    assert refused.value.code == "merge_undone"


def test_a_stranger_does_not_undo_it_and_a_manager_does(alice: User, charlie: User, mona: User, now: datetime) -> None:
    one, other = two_leads(alice)
    done = merge(one, other, actor=alice, at=now)
    with pytest.raises(Refused):
        undo(done, actor=charlie, at=now)
    assert {row.outcome for row in undo(done, actor=mona, at=now).rows} == {"put_back"}


def test_a_record_that_cannot_come_back_keeps_its_tombstone(alice: User, now: datetime) -> None:
    one, other = make_account(owner=alice), make_account(owner=alice, codename="Ceres")
    done = merge(one, other, actor=alice, at=now)
    with acting(actor=alice, via="test", at=now):
        Account.objects.filter(pk=one.pk).update(codename="")
    make_account(codename="Ceres")
    result = undo(done, actor=alice, at=now)
    assert {(row.record_id, row.code) for row in result.rows if row.object == "account" and row.code == "conflict"} == {
        (other.pk, "conflict")
    }
    assert Tombstone.objects.filter(object="account", merged_id=other.pk).exists()
