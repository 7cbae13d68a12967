"""Enquiries follow the people who asked: through merges, their undoing, an erasure, and what may not be deleted."""

from __future__ import annotations

from datetime import datetime

import pytest

from crm.activities.models import Activity
from crm.bulk.deleting import held_among
from crm.clocks.models import Clock
from crm.clocks.subjects import subjects_of
from crm.enquiries.answering import answer_enquiry
from crm.enquiries.holding_up import hold_up
from crm.enquiries.models import Enquiry
from crm.enquiries.responding import note_responses
from crm.history.models import Change, Transaction
from crm.history.revert import revert
from crm.people.models import User
from crm.privacy.erasing import erase_person
from crm.privacy.everywhere import search
from leads.models import Lead
from tests.duplicates.dumping import merge
from tests.enquiries.asking import MINUTE, ask, clock_of, touched
from tests.factories import make_account, make_contact, make_lead

pytestmark = pytest.mark.django_db


def test_of_two_leads_that_are_merged_the_survivor_has_them_and_answers_them(alice: User, now: datetime) -> None:
    stays, goes = make_lead(owner=alice), make_lead(owner=alice)
    enquiry = ask(now, email=goes.email)
    merge(stays, goes, actor=alice, at=now)
    enquiry.refresh_from_db()
    assert (enquiry.lead, enquiry.responsible) == (stays, alice)
    touched(stays, alice, now + MINUTE)
    note_responses(at=now + MINUTE)
    assert clock_of(enquiry).stopped_at == now + MINUTE


def test_a_lead_that_is_merged_into_a_contact_takes_them_along_and_an_undo_brings_them_back(
    alice: User, ann: User, mona: User, now: datetime
) -> None:
    contact, lead = make_contact(account=make_account(owner=ann), owner=ann), make_lead(owner=alice)
    enquiry = ask(now, email=lead.email)
    touched(lead, alice, now)
    merge(contact, lead, actor=mona, at=now)
    enquiry.refresh_from_db()
    assert (enquiry.lead, enquiry.contact, enquiry.responsible) == (None, contact, ann)
    note_responses(at=now)
    assert clock_of(enquiry).stopped_at == now


def test_an_undone_merge_gives_them_back(alice: User, mona: User, now: datetime) -> None:
    stays, goes = make_lead(owner=alice), make_lead(owner=alice)
    enquiry = ask(now, email=goes.email)
    merge(stays, goes, actor=alice, at=now)
    done = Transaction.objects.order_by("-pk").first()
    assert done is not None
    revert(done, actor=mona, at=now, via="test")
    enquiry.refresh_from_db()
    assert enquiry.lead == goes


def test_two_contacts_and_their_accounts_are_merged(alice: User, now: datetime) -> None:
    stays, goes = (make_contact(account=make_account(owner=alice), owner=alice) for _ in range(2))
    enquiry = ask(now, email=goes.email)
    merge(stays, goes, actor=alice, at=now)
    assert stays.account is not None
    assert goes.account is not None
    merge(stays.account, goes.account, actor=alice, at=now)
    enquiry.refresh_from_db()
    assert (enquiry.contact, enquiry.account) == (stays, stays.account)


def test_a_person_is_erased_from_what_they_asked_and_the_clock_stays(alice: User, root: User, now: datetime) -> None:
    lead = make_lead(first_name="Zdenka", last_name="Quill", email="zdenka@quill.example", owner=alice)
    enquiry = ask(
        now, email=lead.email, name="Zdenka Quill", phone="+1 555 214 7954", text="Call me at home.", subject="Boats"
    )
    hold_up(enquiry, reason="asked_to_wait", note="Zdenka Quill is away.", actor=alice, at=now, via="test")
    erase_person(lead=lead, reason="They asked.", actor=root, at=now, via="test")
    enquiry.refresh_from_db()
    assert (enquiry.name, enquiry.email, enquiry.text, enquiry.phone_key) == ("", "", "", "")
    assert (enquiry.lead, Clock.objects.count()) == (lead, 1)
    left = search(
        ["zdenka@quill.example", "Zdenka Quill", "Call me at home", "Boats", "555 214 7954"], skip=["privacy_erasure"]
    )
    assert left == []


def test_who_was_asked_something_is_not_deleted_and_it_is_said_why(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    ask(now, email=lead.email)
    assert held_among(Lead, [lead.pk]) == {lead.pk: "Held by 1 enquiry."}


def test_a_touch_that_answers_one_that_stands_alone_keeps_it(alice: User, now: datetime) -> None:
    enquiry = ask(now, channel="web_chat", name="Visitor")
    answer_enquiry(
        enquiry, kind="chat", outcome="connected", happened_at=now, text="Hi.", actor=alice, at=now, via="test"
    )
    assert Activity.objects.get().enquiry == enquiry
    assert held_among(Enquiry, [enquiry.pk]) == {enquiry.pk: "Held by 1 touch."}


def test_every_change_of_one_is_in_the_log(alice: User, now: datetime) -> None:
    enquiry = ask(now, email=make_lead(owner=alice).email)
    change = Change.objects.get(object="enquiry", record_id=enquiry.pk)
    assert (change.op, change.transaction.actor_id) == ("I", User.objects.system().pk)


def test_a_clock_knows_whose_it_is_and_who_waits(alice: User, now: datetime) -> None:
    lead = make_lead(owner=alice, first_name="Nia", last_name="Park")
    own, alone = ask(now, email=lead.email), ask(now, channel="web_chat", name="Visitor")
    assert own.clock_id is not None
    assert alone.clock_id is not None
    found = subjects_of([own.clock_id, alone.clock_id])
    assert found[own.clock_id].owner == alice
    assert "Nia Park" in found[own.clock_id].title
    assert (found[alone.clock_id].owner, found[alone.clock_id].team) == (None, alice.team)
