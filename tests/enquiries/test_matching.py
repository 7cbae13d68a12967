"""Whose a request is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from crm.activities.suppressing import suppress
from crm.core.door import move
from crm.notifications.models import Notification
from crm.people.models import Team, User
from leads.models import Lead
from leads.statuses import Status
from tests.enquiries.asking import ask, clock_of, received, touched
from tests.factories import make_account, make_contact, make_lead, make_opportunity, make_user

pytestmark = pytest.mark.django_db
PROFILE = "https://www.linkedin.com/in/nia-park"


def test_a_contact_comes_before_every_lead_and_no_lead_is_made(alice: User, ann: User, now: datetime) -> None:
    account = make_account(owner=ann)
    contact = make_contact(account=account, email="nia@hooli.example")
    lead = make_lead(email="nia@hooli.example", owner=alice)
    receipt = received(now, email="Nia+news@hooli.example")
    enquiry = receipt.enquiry
    assert not receipt.made_lead
    assert (enquiry.contact, enquiry.account, enquiry.lead, enquiry.responsible) == (contact, account, None, ann)
    assert enquiry.others == [{"kind": "lead", "id": lead.pk}]


def test_it_goes_to_the_owner_of_the_open_opportunity_that_was_touched_last(
    alice: User, bob: User, ann: User, now: datetime
) -> None:
    account = make_account(owner=ann)
    contact = make_contact(account=account)
    quiet = make_opportunity(account=account, owner=bob)
    busy = make_opportunity(account=account, owner=alice)
    make_opportunity(account=account, owner=bob, stage="closed_lost", lost_reason="price")
    touched(busy, alice, now - timedelta(hours=1))
    touched(quiet, bob, now - timedelta(hours=2))
    enquiry = ask(now, email=contact.email)
    assert (enquiry.opportunity, enquiry.responsible) == (busy, alice)


def test_a_contact_whose_company_is_nobodys_goes_to_who_has_the_contact(ann: User, bob: User, now: datetime) -> None:
    contact = make_contact(owner=ann)
    assert ask(now, email=contact.email).responsible == ann
    theirs = make_contact(owner=ann, account=make_account(owner=bob))
    enquiry = ask(now, email=theirs.email)
    assert (enquiry.owner, enquiry.responsible) == (None, bob)


@pytest.mark.parametrize(
    ("statuses", "first"),
    [
        ((Status.SAO_CONVERTED, Status.CLOSED_NURTURE, Status.ENGAGED), Status.ENGAGED),
        ((Status.SAO_CONVERTED, Status.CLOSED_NURTURE), Status.CLOSED_NURTURE),
        ((Status.SAO_CONVERTED,), Status.SAO_CONVERTED),
    ],
)
def test_an_open_lead_comes_before_one_that_was_put_aside_and_that_before_a_converted_one(
    alice: User, now: datetime, statuses: tuple[str, ...], first: str
) -> None:
    for number, status in enumerate(statuses):
        lead = make_lead(email="nia@hooli.example", status=status, owner=alice)
        # The one that comes last in rank was touched last.
        touched(lead, alice, now - timedelta(hours=1 + number))
    enquiry = ask(now, email="nia@hooli.example")
    assert enquiry.lead is not None
    assert (enquiry.lead.status, len(enquiry.others)) == (first, len(statuses) - 1)


def test_of_several_leads_the_one_that_was_touched_last_and_the_others_are_kept(alice: User, now: datetime) -> None:
    older = make_lead(email="nia@hooli.example", owner=alice)
    newer = make_lead(second_email="nia@hooli.example", owner=alice)
    by_profile = make_lead(linkedin_url=PROFILE, owner=alice)
    touched(older, alice, now - timedelta(minutes=5))
    enquiry = ask(now, email="nia@hooli.example", linkedin_url=PROFILE)
    assert enquiry.lead == older
    assert {one["id"] for one in enquiry.others} == {newer.pk, by_profile.pk}


def test_who_was_put_aside_is_offered_again_and_stays_where_they_are(alice: User, now: datetime) -> None:
    lead = make_lead(status=Status.CLOSED_NURTURE, owner=alice)
    enquiry = ask(now, email=lead.email)
    lead.refresh_from_db()
    assert (enquiry.lead, lead.status) == (lead, Status.CLOSED_NURTURE)
    told = Notification.objects.get(to=alice)
    assert told.title.startswith("Back from nurture")


def test_a_converted_lead_is_its_contact(alice: User, now: datetime) -> None:
    contact = make_contact(email="other@hooli.example", account=make_account())
    lead = make_lead(
        status=Status.SAO_CONVERTED, owner=alice, converted_account=contact.account, converted_contact=contact
    )
    enquiry = ask(now, email=lead.email)
    assert (enquiry.contact, enquiry.lead, enquiry.others) == (contact, None, [])


def test_somebody_without_an_address_stands_alone_in_the_queue_of_a_team(
    team: Team, alice: User, now: datetime
) -> None:
    enquiry = ask(now, channel="web_chat", name="Visitor", phone="+1 555 214 7954")
    assert (enquiry.lead, enquiry.contact, enquiry.responsible, enquiry.waits_in) == (None, None, None, team)
    assert clock_of(enquiry).next_at is not None
    assert not Lead.objects.exists()
    assert Notification.objects.filter(to=alice, kind="enquiry_received").count() == 1


def test_who_is_not_to_be_contacted_is_stored_without_a_clock_and_their_manager_is_told(
    team: Team, alice: User, mona: User, now: datetime
) -> None:
    Team.objects.filter(pk=team.pk).update(manager=mona)
    lead = make_lead(owner=User.objects.get(pk=alice.pk), email="nia@hooli.example")
    suppress(reason="asked_us", emails=["nia@hooli.example"], actor=mona, at=now, via="test")
    enquiry = ask(now, email="nia@hooli.example")
    assert (enquiry.lead, enquiry.barred, enquiry.clock) == (lead, True, None)
    assert Notification.objects.filter(kind="enquiry_barred").values_list("to", flat=True).get() == mona.pk


def test_a_newcomer_who_is_not_to_be_contacted_costs_nobody_a_turn(alice: User, mona: User, now: datetime) -> None:
    suppress(reason="asked_us", emails=["nia@hooli.example"], actor=mona, at=now, via="test")
    enquiry = ask(now, email="nia@hooli.example")
    assert (enquiry.barred, enquiry.clock, enquiry.lead) == (True, None, Lead.objects.get())
    assert Lead.objects.get().owner is None


def test_the_clock_is_that_of_the_customer_and_of_the_tier(alice: User, now: datetime) -> None:
    free = make_contact(account=make_account(type="customer", tier="free", owner=alice))
    premium = make_contact(account=make_account(type="customer", tier="premium", owner=alice))
    odd = make_contact(account=make_account(type="customer", tier="left_the_file", owner=alice))
    assert ask(now, email=free.email, channel="support", priority="p0").clock is None
    assert clock_of(ask(now, email=premium.email, channel="support", priority="p0")).policy == "support_p0"
    clock = clock_of(ask(now, email=odd.email, channel="support"))
    assert (clock.policy, clock.tier, clock.priority, clock.segment) == ("support_p3", "", "p3", "customer")
    assert clock_of(ask(now, email=premium.email, channel="email")).policy == "customer_email"
    assert clock_of(ask(now, email="nia@hooli.example", channel="email")).policy == "email"


def test_a_colleague_of_a_customer_waits_as_a_customer(alice: User, now: datetime) -> None:
    make_account(type="customer", tier="premium", owner=alice, website="https://hooli.example")
    enquiry = ask(now, email="nia@hooli.example", channel="email")
    assert (clock_of(enquiry).segment, enquiry.lead, enquiry.responsible) == ("customer", Lead.objects.get(), alice)


def test_what_comes_from_before_has_its_verdict_and_tells_nobody(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    enquiry = ask(now, email=lead.email, received_at=now - timedelta(days=9), came_by="import")
    clock = clock_of(enquiry)
    assert (clock.quiet, clock.limit_at < now) == (True, True)
    assert not Notification.objects.exists()


def test_a_conversion_carries_them_to_the_contact_and_a_return_brings_them_back(
    alice: User, ann: User, mona: User, now: datetime
) -> None:
    known: dict[str, Any] = dict.fromkeys(("budget", "authority", "need", "timing"), "confirmed")
    lead = make_lead(status=Status.ENGAGED, owner=alice, **known)
    enquiry = ask(now, email=lead.email)
    touched(lead, alice, now)
    facts: dict[str, Any] = {
        "opportunity_owner": ann,
        "next_step": "Call",
        "next_step_due": (now + timedelta(days=3)).date(),
    }
    move(lead, "convert", actor=alice, at=now, via="test", **facts)
    enquiry.refresh_from_db()
    assert (enquiry.lead, enquiry.contact, enquiry.opportunity) == (
        None,
        lead.converted_contact,
        lead.converted_opportunity,
    )
    assert enquiry.responsible == ann
    move(lead, "return_lead", actor=mona, at=now, via="test", reason="Not yet.")
    enquiry.refresh_from_db()
    assert (enquiry.lead, enquiry.contact, enquiry.responsible) == (lead, None, alice)


def test_a_person_of_no_team_and_no_manager_still_has_somebody_told(now: datetime, mona: User) -> None:
    Team.objects.create(name="East", manager=mona)
    lone = make_user("lone", role="sdr")
    lead = make_lead(owner=lone)
    User.objects.filter(pk=lone.pk).update(is_active=False)
    ask(now, email=lead.email)
    assert Notification.objects.get().to == mona


def test_who_is_unknown_waits_for_the_team_with_the_most_people_who_get_leads(alice: User, now: datetime) -> None:
    Team.objects.create(name="Accounting")
    south = Team.objects.create(name="South")
    make_user("sue", role="sdr", team=south)
    make_user("sid", role="sdr", team=south)
    assert ask(now, channel="web_chat", name="Visitor").waits_in == south


def test_a_lead_that_another_system_closed_as_do_not_contact_has_no_clock(alice: User, now: datetime) -> None:
    lead = make_lead(status=Status.CLOSED_DO_NOT_CONTACT, owner=alice)
    enquiry = ask(now, email=lead.email)
    assert (enquiry.lead, enquiry.barred, enquiry.clock) == (lead, True, None)


def test_nobody_is_told_that_an_import_brought_one_in_though_its_clock_runs(alice: User, now: datetime) -> None:
    enquiry = ask(now, email=make_lead(owner=alice).email, came_by="import")
    assert clock_of(enquiry).next_at is not None
    assert not Notification.objects.exists()


def test_what_they_wrote_is_told_apart_from_what_is_promised(alice: User, now: datetime) -> None:
    make_lead(owner=alice, email="nia@hooli.example")
    ask(now, email="nia@hooli.example", text="Do you have a price list")
    text = Notification.objects.get(to=alice, kind="enquiry_received").text
    assert text.startswith("“Do you have a price list” An answer is promised by ")
