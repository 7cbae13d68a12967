"""Merges that meet each other, an edit, a suppression or a conversion: with real threads, seen to wait."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm.activities.gate import bar_of
from crm.activities.models import Suppression
from crm.activities.suppressing import suppress
from crm.core.acting import acting
from crm.core.errors import Refused, Stale
from crm.core.keys import compute_keys
from crm.duplicates.merging import Merged, merge_records
from crm.duplicates.models import Tombstone
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.factories import make_account, make_contact, make_lead
from tests.leads.converting import convert, ready
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)
HOLD = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))"
GATE = "SELECT pg_advisory_xact_lock(4476483, b) FROM generate_series(0, 127) b WHERE %s <> ''"  # all its buckets
LEAD = "SELECT 1 FROM leads_lead WHERE id = %s FOR UPDATE"


def merging(survivor: Any, *others: Any, actor: User, at: datetime) -> Any:
    """A call that merges these as they are now."""
    fresh = [type(one).objects.get(pk=one.pk) for one in (survivor, *others)]
    return lambda: merge_records(fresh[0], fresh[1:], actor=actor, at=at, via="test")


def converting(lead: Lead, owner: User, at: datetime) -> Any:
    """A call that converts this lead."""
    return lambda: convert(Lead.objects.get(pk=lead.pk), owner, at)


def test_of_two_merges_of_overlapping_records_one_is_made(alice: User, bob: User, now: datetime) -> None:
    one, shared, third = (make_lead(owner=alice) for _ in range(3))
    results = race(
        merging(one, shared, actor=alice, at=now),
        merging(third, shared, actor=bob, at=now),
        behind=LEAD,
        values=(shared.pk,),
    )
    (done,) = [result for result in results if isinstance(result, Merged)]
    (refused,) = [result for result in results if isinstance(result, Refused)]
    assert (refused.code, done.merged) == ("merged", (f"lead:{shared.pk}",))
    assert Lead.objects.count() == 2
    assert Tombstone.objects.count() == 1


def test_two_merges_that_swallow_each_other_leave_one(alice: User, bob: User, now: datetime) -> None:
    one, other = make_lead(owner=alice), make_lead(owner=alice)
    results = race(
        merging(one, other, actor=alice, at=now),
        merging(other, one, actor=bob, at=now),
        behind=LEAD,
        values=(one.pk,),
    )
    assert sorted(type(result).__name__ for result in results) == ["Merged", "Refused"]
    assert Lead.objects.count() == 1


def test_an_edit_and_a_merge_never_overwrite_each_other(alice: User, bob: User, now: datetime) -> None:
    one, other = make_lead(owner=alice), make_lead(owner=alice)
    mine = Lead.objects.get(pk=other.pk)

    def edit() -> str:
        with acting(actor=bob, via="test", at=now):
            mine.title = "Head of everything"
            mine.save(update_fields=["title"])
        return "edited"

    results = race(merging(one, other, actor=alice, at=now), edit, behind=LEAD, values=(other.pk,))
    if isinstance(results[0], Stale):
        assert results[1] == "edited"
        assert Lead.objects.get(pk=other.pk).title == "Head of everything"
    else:
        assert isinstance(results[0], Merged)
        assert isinstance(results[1], Exception)
        assert not Lead.objects.filter(pk=other.pk).exists()


def test_a_withdrawal_during_a_merge_holds_for_the_survivor(alice: User, bob: User, now: datetime) -> None:
    one = make_lead(owner=alice, second_email="own@globex.example")
    other = make_lead(owner=alice)

    def withdraw() -> Any:
        return suppress(actor=bob, at=now, via="test", reason="asked_us", emails=[other.email])

    # Both want what names the lead: the gate's locks, which this holds first.
    results = race(
        merging(one, other, actor=alice, at=now), withdraw, behind=GATE, values=(f"email:{other.email_key}",)
    )
    assert Suppression.objects.count() == 1
    if isinstance(results[0], Merged):
        names = {other.email_key, one.email_key} & set(Suppression.objects.get().keys.values_list("key", flat=True))
        covered = bar_of("lead", one.pk) is not None
        # Whoever came second: the merge saw the withdrawal, or the address that it names is nobody's any more.
        assert covered or names == {other.email_key}


def test_two_conversions_of_one_company_make_one_account(alice: User, now: datetime) -> None:
    leads = [ready(owner=alice, company="Initech", website="https://initech.example") for _ in range(2)]
    (domain,) = compute_keys("domain_key", ["initech.example"])
    results = race(*(converting(lead, alice, now) for lead in leads), behind=HOLD, values=(f"domain:{domain}",))
    assert not [result for result in results if isinstance(result, Exception)]
    assert Account.objects.count() == 1
    assert len({lead.converted_account_id for lead in Lead.objects.all()}) == 1


def test_a_conversion_into_an_account_that_is_merged_meanwhile_ends_in_the_survivor(alice: User, now: datetime) -> None:
    stays = make_account(name="Initech One", owner=alice)
    goes = make_account(name="Initech", website="https://initech.example", owner=alice)
    lead = ready(owner=alice, company="Initech", website="https://initech.example")
    results = race(
        merging(stays, goes, actor=alice, at=now),
        converting(lead, alice, now),
        behind=HOLD,
        values=("domain:initech.example",),
    )
    assert isinstance(results[0], Merged)
    assert not isinstance(results[1], Exception), results[1]
    lead.refresh_from_db()
    assert lead.converted_account_id == stays.pk
    assert set(Opportunity.objects.values_list("account", flat=True)) == {stays.pk}
    assert Account.objects.count() == 1


def test_a_lead_that_is_converted_and_merged_at_once_is_one_of_them(alice: User, now: datetime) -> None:
    lead = ready(owner=alice)
    stays = make_lead(owner=alice)
    results = race(
        merging(stays, lead, actor=alice, at=now), converting(lead, alice, now), behind=LEAD, values=(lead.pk,)
    )
    if isinstance(results[0], Merged):
        assert isinstance(results[1], Refused | Lead.DoesNotExist)
        assert Contact.objects.count() == 0
    else:
        assert isinstance(results[0], Stale)
        assert Lead.objects.get(pk=lead.pk).status == Status.SAO_CONVERTED


def test_a_contact_that_two_merges_want_goes_to_one(alice: User, bob: User, now: datetime) -> None:
    one, shared = make_contact(owner=alice), make_contact(owner=alice)
    lead = make_lead(owner=alice)
    results = race(
        merging(one, shared, actor=alice, at=now),
        merging(shared, lead, actor=bob, at=now),
        behind="SELECT 1 FROM accounts_contact WHERE id = %s FOR UPDATE",
        values=(shared.pk,),
    )
    assert any(isinstance(result, Merged) for result in results)
    assert Contact.objects.filter(pk=one.pk).exists()
    if all(isinstance(result, Merged) for result in results):
        raise AssertionError("a merge did not see the other")
