"""Merging: what the survivor has afterwards, what goes along, what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from accounts.models import Account, AccountDomain, Contact, DriChange
from contracts.models import ContactRole
from crm.activities.gate import bar_of
from crm.activities.models import Activity, NextTouch, Suppression, Task
from crm.activities.suppressing import suppress
from crm.core.acting import acting
from crm.core.errors import Refused, Stale
from crm.core.forwarding import where_went
from crm.duplicates.merging import merge_records
from crm.duplicates.models import Pair, Tombstone
from crm.duplicates.values import compare
from crm.history.models import Change, Move, Transaction
from crm.people.models import Team, User
from crm.sync.models import ExternalId
from leads.models import Known, Lead
from leads.statuses import Status
from tests.duplicates.dumping import merge, pair, surround, two_accounts, two_contacts, two_leads, withhold
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity

pytestmark = pytest.mark.django_db


def refusal(survivor: object, *others: object, actor: User, at: datetime, **more: object) -> Refused:
    """Why these are not merged; and nothing was written."""
    before = Transaction.objects.count()
    with pytest.raises(Refused) as refused:
        merge(survivor, *others, actor=actor, at=at, **more)
    assert (Tombstone.objects.count(), Transaction.objects.count()) == (0, before)
    return refused.value


# --- values -----------------------------------------------------------------------------------------------------------


def test_the_survivor_keeps_its_values_and_takes_what_it_lacks(alice: User, now: datetime) -> None:
    one, other = two_leads(alice)
    merge(one, other, actor=alice, at=now)
    one.refresh_from_db()
    assert (one.last_name, one.title, one.phone, one.phone_key) == (
        "Prospect",
        "CTO",
        "+1 555 214 7954",
        "+15552147954",
    )
    assert one.second_email == other.email
    assert one.kept == {"Region": "West", "Seen": "1", "Tag": "x"}


def test_somebody_chooses_each_value(alice: User, now: datetime) -> None:
    one, other = two_leads(alice)
    merge(one, other, actor=alice, at=now, choices={"last_name": f"lead:{other.pk}", "email": f"lead:{other.pk}"})
    one.refresh_from_db()
    assert (one.last_name, one.email) == ("Prospekt", other.email)


def test_a_choice_that_is_none_is_refused_by_name(alice: User, now: datetime) -> None:
    one, other = two_leads(alice)
    choices = {"shoe_size": f"lead:{one.pk}", "last_name": "lead:0"}
    found = refusal(one, other, actor=alice, at=now, choices=choices)
    assert [(item.field, item.code) for item in found.missing] == [
        ("shoe_size", "unknown_choice"),
        ("last_name", "invalid_choice"),
    ]


def test_an_address_is_taken_whole_from_where_it_is_most_complete(alice: User, now: datetime) -> None:
    one = make_contact(owner=alice, mailing_city="Berlin")
    other = make_contact(owner=alice, mailing_city="Bern", mailing_street="Gasse 1", mailing_country="Switzerland")
    merge(one, other, actor=alice, at=now)
    one.refresh_from_db()
    assert (one.mailing_street, one.mailing_city, one.mailing_country) == ("Gasse 1", "Bern", "Switzerland")


def test_an_address_is_never_half_from_one_and_half_from_the_other(alice: User, now: datetime) -> None:
    one = make_contact(owner=alice, mailing_city="Berlin", mailing_country="Germany")
    other = make_contact(owner=alice, mailing_street="Gasse 1", mailing_postal_code="3000")
    merge(one, other, actor=alice, at=now)
    one.refresh_from_db()
    assert (one.mailing_street, one.mailing_city, one.mailing_country) == ("", "Berlin", "Germany")
    (row,) = [row for row in compare(one, [make_contact(mailing_city="x")]) if row.label == "Mailing address"]
    assert set(row.fields) >= {"mailing_street", "mailing_city", "mailing_country"}


def test_what_differs_comes_first_and_what_nobody_has_is_left_out(alice: User) -> None:
    one, other = two_leads(alice)
    rows = compare(one, [other])
    states = [row.state for row in rows]
    assert states == sorted(states, key=["differ", "one", "same"].index)
    assert "website" not in {row.name for row in rows}


def test_what_is_known_of_bant_wins_over_what_is_not(alice: User, now: datetime) -> None:
    one, other = make_lead(owner=alice), make_lead(owner=alice, budget=Known.CONFIRMED, budget_note="50,000")
    merge(one, other, actor=alice, at=now)
    one.refresh_from_db()
    assert (one.budget, one.budget_note) == (Known.CONFIRMED, "50,000")


def test_an_unowned_lead_gets_the_others_owner_and_leaves_the_queue(alice: User, team: Team, now: datetime) -> None:
    one, other = make_lead(owner=None, queue=team), make_lead(owner=alice)
    merge(one, other, actor=alice, at=now)
    one.refresh_from_db()
    assert (one.owner, one.queue) == (alice, None)


def test_two_unowned_leads_wait_in_the_queue(alice: User, team: Team, now: datetime) -> None:
    one, other = make_lead(owner=None), make_lead(owner=None, queue=team)
    merge(one, other, actor=alice, at=now)
    one.refresh_from_db()
    assert (one.owner, one.queue) == (None, team)


# --- what goes along --------------------------------------------------------------------------------------------------


def test_everything_that_pointed_at_the_other_points_at_the_survivor(alice: User, now: datetime) -> None:
    one, other = two_leads(alice)
    merge(one, other, actor=alice, at=now)
    assert Activity.objects.filter(lead=one).count() == 4
    assert Task.objects.filter(lead=one).count() == 2
    assert ExternalId.objects.filter(object="lead", record_id=one.pk).count() == 2
    assert not Lead.objects.filter(pk=other.pk).exists()


def test_a_lead_keeps_one_next_touch_the_one_due_first(alice: User, now: datetime) -> None:
    one, other = make_lead(owner=alice), make_lead(owner=alice)
    surround(one, alice, 9)
    surround(other, alice, 2)
    merge(one, other, actor=alice, at=now)
    planned = NextTouch.objects.get(lead=one)
    assert (planned.text, planned.due_on) == ("Plan 2", START.date() + timedelta(days=12))


def test_a_role_in_an_opportunity_is_there_once(alice: User, now: datetime) -> None:
    one, other = make_contact(owner=alice), make_contact(owner=alice)
    sale = make_opportunity()
    with acting(actor=alice, via="test", at=now):
        ContactRole.objects.create(opportunity=sale, contact=one, role="champion")
        ContactRole.objects.create(opportunity=sale, contact=other, role="champion", is_primary=True)
        ContactRole.objects.create(opportunity=sale, contact=other, role="legal")
    merge(one, other, actor=alice, at=now)
    roles = ContactRole.objects.filter(opportunity=sale).order_by("role").values_list("role", "contact", "is_primary")
    assert list(roles) == [("champion", one.pk, True), ("legal", one.pk, False)]


def test_an_account_keeps_one_main_dri_and_one_open_change_of_the_champion(alice: User, now: datetime) -> None:
    one, other = two_accounts(alice)
    (mine,) = Contact.objects.filter(account=one, is_main_dri=True)
    merge(one, other, actor=alice, at=now)
    assert list(Contact.objects.filter(account=one, is_main_dri=True)) == [mine]
    assert DriChange.objects.filter(account=one, closed_at=None).count() == 1
    assert DriChange.objects.filter(account=one).count() == 2


def test_the_domains_of_both_accounts_are_the_survivors(alice: User, now: datetime) -> None:
    one, other = two_accounts(alice)
    merge(one, other, actor=alice, at=now)
    keys = set(AccountDomain.objects.filter(account=one).values_list("key", flat=True))
    assert keys == {"more1.example", "more2.example", "initech.test"}


def test_of_two_contacts_the_main_dri_stays_one(alice: User, now: datetime) -> None:
    one, other = two_contacts(alice)
    merge(one, other, actor=alice, at=now)
    assert list(Contact.objects.filter(account=one.account, is_main_dri=True)) == [one]


def test_accounts_that_are_each_others_parent_make_no_circle(alice: User, now: datetime) -> None:
    top = make_account()
    one, other = make_account(owner=alice), make_account(owner=alice, parent=top)
    between = make_account(parent=other)
    with acting(actor=alice, via="test", at=now):
        Account.objects.filter(pk=one.pk).update(parent=between)
    merge(one, other, actor=alice, at=now)
    one.refresh_from_db()
    between.refresh_from_db()
    assert (between.parent, one.parent) == (one, top)


def test_a_child_that_swallows_its_parent_is_not_its_own(alice: User, now: datetime) -> None:
    parent = make_account(owner=alice)
    child = make_account(owner=alice, parent=parent)
    merge(child, parent, actor=alice, at=now)
    child.refresh_from_db()
    assert child.parent is None


def test_nobody_reports_to_themselves_after_a_merge(alice: User, now: datetime) -> None:
    boss = make_contact(owner=alice)
    one = make_contact(owner=alice, reports_to=boss)
    merge(boss, one, actor=alice, at=now)
    boss.refresh_from_db()
    assert boss.reports_to is None


def test_moves_and_changes_stay_with_the_id_of_their_record(alice: User, now: datetime) -> None:
    one, other = make_lead(owner=alice), make_lead(owner=alice, status=Status.ENGAGED)
    before = Move.objects.filter(object="lead", record_id=other.pk).count()
    merge(one, other, actor=alice, at=now)
    assert Move.objects.filter(object="lead", record_id=other.pk).count() == before == 1
    assert Change.objects.filter(object="lead", record_id=other.pk, op="D").exists()


def test_the_pair_is_merged_and_pairs_with_third_ones_are_looked_for_anew(alice: User, now: datetime) -> None:
    one, other, third = (make_lead(owner=alice) for _ in range(3))
    mine = pair(one, other)
    pair(other, third)
    merge(one, other, actor=alice, at=now)
    assert [(p.pk, p.state, p.answered_by) for p in Pair.objects.all()] == [(mine.pk, "merged", alice)]


# --- withdrawals ------------------------------------------------------------------------------------------------------


def test_a_withdrawal_is_never_lost_with_the_address_it_named(alice: User, now: datetime) -> None:
    one, other = make_lead(owner=alice, second_email="own@globex.example"), make_lead(owner=alice)
    withhold(alice, now, other.email)
    assert bar_of("lead", one.pk) is None
    merge(one, other, actor=alice, at=now)
    assert bar_of("lead", one.pk) is not None
    with acting(actor=alice, via="test", at=now):
        Lead.objects.filter(pk=one.pk).update(second_email="")
    assert bar_of("lead", one.pk) is not None
    assert Suppression.objects.count() == 1


def test_a_bad_address_bars_no_other_address(alice: User, now: datetime) -> None:
    one, other = make_lead(owner=alice), make_lead(owner=alice)
    from crm import handbook

    reason = next(r.key for r in handbook.current().lead.do_not_contact_reasons if r.scope == "address")
    made = suppress(actor=alice, at=now, via="test", reason=reason, emails=[other.email]).suppressions[0]
    merge(one, other, actor=alice, at=now)
    assert set(made.keys.values_list("key", flat=True)) == {other.email_key}


def test_do_not_contact_of_one_lead_wins(alice: User, now: datetime) -> None:
    one = make_lead(owner=alice, status=Status.WORKING_TO_ENGAGE)
    other = make_lead(owner=alice, status=Status.CLOSED_DO_NOT_CONTACT)
    withhold(alice, now, other.email)
    surround(one, alice, 1)
    merge(one, other, actor=alice, at=now)
    one.refresh_from_db()
    step = Move.objects.filter(object="lead", record_id=one.pk).order_by("-version")[0]
    assert (one.status, step.verb, step.to_state) == (Status.CLOSED_DO_NOT_CONTACT, "merge", one.status)
    assert not NextTouch.objects.filter(lead=one).exists()


def test_a_company_that_asked_is_not_contacted_under_its_other_name(alice: User, now: datetime) -> None:
    from crm import handbook

    one = make_account(owner=alice, website="https://initech.example")
    other = make_account(owner=alice, website="https://initech.test")
    contact = make_contact(account=one, email="lea@initech.example")
    reason = next(r.key for r in handbook.current().lead.do_not_contact_reasons if r.scope == "domain")
    suppress(actor=alice, at=now, via="test", reason=reason, domains=["initech.test"])
    assert bar_of("contact", contact.pk) is None
    merge(one, other, actor=alice, at=now)
    assert bar_of("contact", contact.pk) is not None


def test_a_touch_is_held_against_nobody_because_it_was_turned(alice: User, now: datetime) -> None:
    one, other = two_leads(alice)
    withhold(alice, START - timedelta(days=1), one.email)
    merge(one, other, actor=alice, at=now)
    assert not Activity.objects.filter(lead=one).exclude(violation_of=None).exists()


# --- a lead into a contact --------------------------------------------------------------------------------------------


def test_a_lead_becomes_a_contact_with_its_touches_its_plan_and_its_provenance(alice: User, now: datetime) -> None:
    contact = make_contact(owner=alice, email="")
    lead = make_lead(owner=alice, came_from="List of March", phone="+1 555 214 7954", street="Main 1", city="Reno")
    surround(lead, alice, 2)
    done = merge(contact, lead, actor=alice, at=now)
    contact.refresh_from_db()
    assert (contact.email, contact.came_from, contact.mailing_street) == (lead.email, "List of March", "Main 1")
    assert Activity.objects.filter(contact=contact, lead=None).count() == 2
    assert set(Task.objects.filter(contact=contact).values_list("text", flat=True)) == {"Ask 2", "Call: Plan 2"}
    assert not NextTouch.objects.exists()
    assert done.merged == (f"lead:{lead.pk}",)
    stone = Tombstone.objects.get()
    assert (stone.object, stone.survivor_object, stone.survivor_id) == ("lead", "contact", contact.pk)


def test_the_id_elsewhere_of_a_lead_that_became_a_contact_names_both(alice: User, now: datetime) -> None:
    contact, lead = make_contact(owner=alice), make_lead(owner=alice)
    ExternalId.objects.create(object="lead", system="salesforce", value="00Q1", record_id=lead.pk)
    merge(contact, lead, actor=alice, at=now)
    assert set(ExternalId.objects.filter(value="00Q1").values_list("object", "record_id")) == {
        ("lead", lead.pk),
        ("contact", contact.pk),
    }


def test_a_contact_is_not_merged_into_a_lead(alice: User, now: datetime) -> None:
    assert refusal(make_lead(owner=alice), make_contact(owner=alice), actor=alice, at=now).code == "other_kind"


def test_a_converted_lead_is_a_contact_already(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice, status=Status.SAO_CONVERTED)
    assert refusal(make_contact(owner=alice), lead, actor=alice, at=now).code == "converted_lead"


def test_a_do_not_contact_that_is_on_no_list_is_not_lost_by_becoming_a_contact(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice, status=Status.CLOSED_DO_NOT_CONTACT)
    assert refusal(make_contact(owner=alice), lead, actor=alice, at=now).code == "do_not_contact"


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_converted_lead_is_the_one_that_stays(alice: User, now: datetime) -> None:
    open_lead, converted = make_lead(owner=alice), make_lead(owner=alice, status=Status.SAO_CONVERTED)
    assert refusal(open_lead, converted, actor=alice, at=now).code == "converted_stays"
    merge(converted, open_lead, actor=alice, at=now)
    converted.refresh_from_db()
    assert converted.status == Status.SAO_CONVERTED
    assert converted.converted_account is not None


def test_two_converted_leads_are_not_merged(alice: User, now: datetime) -> None:
    one, other = (make_lead(owner=alice, status=Status.SAO_CONVERTED) for _ in range(2))
    assert refusal(one, other, actor=alice, at=now).code == "both_converted"


def test_who_may_not_change_one_of_them_may_not_merge(alice: User, charlie: User, bob: User, now: datetime) -> None:
    one, other = make_lead(owner=alice), make_lead(owner=charlie)
    found = refusal(one, other, actor=alice, at=now)
    assert (found.code, found.message) == (
        "forbidden",
        f"You may not change {other}: its owner's team or a manager merges it.",
    )
    mine = make_lead(owner=bob)
    assert merge(one, mine, actor=alice, at=now).merged == (f"lead:{mine.pk}",)


def test_a_manager_merges_everybodys(alice: User, charlie: User, mona: User, now: datetime) -> None:
    assert merge(make_lead(owner=alice), make_lead(owner=charlie), actor=mona, at=now).transaction_id


def test_what_was_edited_since_is_stale(alice: User, bob: User, now: datetime) -> None:
    one, other = two_leads(alice)
    one.refresh_from_db()
    other.refresh_from_db()
    with acting(actor=bob, via="test", at=now):
        Lead.objects.filter(pk=other.pk).update(title="New")
    with pytest.raises(Stale) as stale:
        merge_records(one, [other], actor=alice, at=now, via="test")
    assert stale.value.message == "Lea Prospekt was changed by Bob since you opened it."
    assert stale.value.changes == {"title": ("", "New")}


def test_what_was_merged_meanwhile_is_said_to_be(alice: User, bob: User, now: datetime) -> None:
    one, other, third = (make_lead(owner=alice) for _ in range(3))
    merge(one, other, actor=bob, at=now)
    with pytest.raises(Refused) as refused:
        merge_records(third, [other], actor=alice, at=now, via="test")
    assert (refused.value.code, refused.value.message) == (
        "merged",
        f"Lead {other.pk} was merged into lead {one.pk} by Bob.",
    )


def test_one_record_and_six_are_no_merge(alice: User, now: datetime) -> None:
    leads = [make_lead(owner=alice) for _ in range(6)]
    assert refusal(leads[0], leads[0], actor=alice, at=now).code == "too_few"
    assert refusal(*leads, actor=alice, at=now).code == "too_many"


# --- where they went --------------------------------------------------------------------------------------------------


def test_a_tombstone_leads_to_the_last_of_several(alice: User, now: datetime) -> None:
    first, second, third = (make_lead(owner=alice) for _ in range(3))
    merge(second, third, actor=alice, at=now)
    merge(first, second, actor=alice, at=now)
    went = where_went(Lead, third.pk)
    assert went is not None
    assert (went.kind, went.pk) == (Lead, first.pk)
    assert went.sentence == f"Lead {third.pk} was merged into lead {first.pk} by Alice on March 4, 2026."
    assert where_went(Lead, first.pk) is None
