"""What stops a clock: the first answer by a person, in whatever way it was written down."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from crm.activities.models import Activity
from crm.clocks.models import ClockEvent
from crm.core.acting import acting
from crm.core.door import move
from crm.enquiries.answering import answer_enquiry
from crm.enquiries.attaching import details_known
from crm.enquiries.models import Enquiry, Recheck
from crm.enquiries.responding import note_responses
from crm.people.models import User
from leads.models import Lead
from tests.enquiries.asking import MINUTE, ask, clock_of, touched, written_by_sql
from tests.factories import make_contact, make_lead

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(alice: User) -> Lead:
    """Alice's lead."""
    return make_lead(owner=alice)


def test_a_touch_of_ours_stops_every_open_clock_of_the_person(lead: Lead, alice: User, now: datetime) -> None:
    first, second = ask(now, email=lead.email), ask(now, email=lead.email, channel="web_chat")
    touch = touched(lead, alice, now + MINUTE)
    note_responses(at=now + MINUTE)
    for enquiry in (first, second):
        clock = clock_of(enquiry)
        assert (clock.stopped_at, clock.stopped_by) == (now + MINUTE, "response")
        enquiry.refresh_from_db()
        assert enquiry.answer == touch
    assert not Recheck.objects.exists()


@pytest.mark.parametrize(
    "values",
    [{"outcome": "no_answer", "kind": "call"}, {"direction": "in"}, {"outcome": "bounced"}],
)
def test_what_is_no_response_stops_nothing(lead: Lead, alice: User, now: datetime, values: dict[str, Any]) -> None:
    enquiry = ask(now, email=lead.email)
    touched(lead, alice, now + MINUTE, **values)
    note_responses(at=now + MINUTE)
    assert clock_of(enquiry).stopped_at is None


def test_a_program_does_not_answer(lead: Lead, robot: User, now: datetime) -> None:
    enquiry = ask(now, email=lead.email)
    touched(lead, robot, now + MINUTE)
    note_responses(at=now + MINUTE)
    assert clock_of(enquiry).stopped_at is None


def test_what_was_sent_before_they_asked_does_not_answer(lead: Lead, alice: User, now: datetime) -> None:
    enquiry = ask(now, email=lead.email)
    touched(lead, alice, now - 10 * MINUTE)
    note_responses(at=now)
    assert clock_of(enquiry).stopped_at is None


def test_a_touch_written_down_to_the_minute_answers_what_came_within_it(lead: Lead, alice: User, now: datetime) -> None:
    came = now.replace(second=20)
    enquiry = ask(now + MINUTE, email=lead.email, received_at=came)
    touched(lead, alice, now.replace(second=0))
    note_responses(at=now + MINUTE)
    assert clock_of(enquiry).stopped_at == came


def test_it_is_seen_on_commit(lead: Lead, alice: User, now: datetime, django_capture_on_commit_callbacks: Any) -> None:
    enquiry = ask(now, email=lead.email)
    with django_capture_on_commit_callbacks(execute=True):
        touched(lead, alice, now + MINUTE)
    assert clock_of(enquiry).stopped_at == now + MINUTE


def test_rows_that_no_model_wrote_are_seen(lead: Lead, alice: User, now: datetime) -> None:
    enquiry = ask(now, email=lead.email)
    written_by_sql(lead, alice, now + MINUTE)
    note_responses(at=now + MINUTE)
    assert clock_of(enquiry).stopped_at == now + MINUTE


def test_a_touch_that_is_deleted_opens_the_clock_again(lead: Lead, alice: User, now: datetime) -> None:
    enquiry = ask(now, email=lead.email)
    touch = touched(lead, alice, now + MINUTE)
    note_responses(at=now + MINUTE)
    with acting(actor=alice, via="test", at=now + 2 * MINUTE):
        touch.delete()
    note_responses(at=now + 2 * MINUTE)
    clock = clock_of(enquiry)
    assert clock.stopped_at is None
    assert clock.next_at is not None
    assert clock.events.filter(kind=ClockEvent.Kind.REOPENED).count() == 1


def test_a_touch_that_is_corrected_counts_as_it_is_now(lead: Lead, alice: User, now: datetime) -> None:
    enquiry = ask(now, email=lead.email)
    touch = touched(lead, alice, now + MINUTE)
    note_responses(at=now + MINUTE)
    with acting(actor=alice, via="test", at=now + 2 * MINUTE):
        touch.outcome = "bounced"
        touch.save(update_fields=["outcome"])
    note_responses(at=now + 2 * MINUTE)
    assert clock_of(enquiry).stopped_at is None


def test_a_response_that_is_logged_late_counts_when_it_was_given(lead: Lead, alice: User, now: datetime) -> None:
    enquiry = ask(now, email=lead.email)
    touched(lead, alice, now + 60 * MINUTE)
    note_responses(at=now + 60 * MINUTE)
    touched(lead, alice, now + 5 * MINUTE)
    note_responses(at=now + 61 * MINUTE)
    assert clock_of(enquiry).stopped_at == now + 5 * MINUTE


def test_what_comes_late_and_was_answered_has_its_verdict_at_once(lead: Lead, alice: User, now: datetime) -> None:
    touch = touched(lead, alice, now - 60 * MINUTE)
    enquiry = ask(now, email=lead.email, received_at=now - timedelta(hours=2), came_by="import")
    assert clock_of(enquiry).stopped_at == now - 60 * MINUTE
    assert enquiry.answer == touch


def test_a_scheduled_meeting_answers_who_asked_for_an_expert(lead: Lead, alice: User, now: datetime) -> None:
    expert = ask(now, email=lead.email, channel="talk_to_expert")
    form = ask(now, email=lead.email)
    move(lead, "schedule_meeting", actor=alice, at=now + MINUTE, via="test", meeting_at=now + timedelta(days=2))
    note_responses(at=now + MINUTE)
    assert (clock_of(expert).stopped_at, clock_of(expert).stopped_by) == (now + MINUTE, "meeting")
    assert clock_of(form).stopped_at is None
    move(lead, "take_back", actor=alice, at=now + 2 * MINUTE, via="test")
    note_responses(at=now + 2 * MINUTE)
    assert clock_of(expert).stopped_at is None


def test_a_booking_is_answered_as_it_comes_and_answers_an_earlier_request(lead: Lead, now: datetime) -> None:
    first = ask(now, email=lead.email, channel="talk_to_expert", received_at=now - timedelta(hours=1))
    booking = ask(now, email=lead.email, channel="talk_to_expert", meeting_at=now + timedelta(days=1))
    note_responses(at=now)
    assert clock_of(booking).stopped_at == clock_of(first).stopped_at == now - MINUTE


def test_a_contact_is_answered_by_a_touch_with_the_contact(alice: User, now: datetime) -> None:
    contact = make_contact(owner=alice)
    enquiry = ask(now, email=contact.email)
    touched(contact, alice, now + MINUTE)
    note_responses(at=now + MINUTE)
    assert clock_of(enquiry).stopped_at == now + MINUTE


def test_who_is_unknown_is_answered_in_the_chat_and_the_answer_goes_with_them(
    alice: User, mona: User, now: datetime
) -> None:
    enquiry = ask(now, channel="web_chat", name="Visitor")
    touch = answer_enquiry(
        enquiry, kind="chat", outcome="connected", happened_at=now, text="Hello.", actor=mona, at=now, via="test"
    )
    assert (clock_of(enquiry).stopped_at, touch.enquiry) == (now, enquiry)
    details_known(enquiry, email="nia@hooli.example", actor=mona, at=now, via="test")
    touch.refresh_from_db()
    assert (touch.lead, enquiry.lead) == (Lead.objects.get(), Lead.objects.get())
    assert clock_of(enquiry).stopped_at == now


def test_the_answer_and_the_next_touch_are_one(lead: Lead, alice: User, now: datetime) -> None:
    enquiry = ask(now, email=lead.email)
    touch = answer_enquiry(
        enquiry,
        kind="email",
        outcome="sent",
        happened_at=now,
        text="We do.",
        next_touch_on=(now + timedelta(days=2)).date(),
        next_touch_kind="call",
        actor=alice,
        at=now,
        via="test",
    )
    assert (touch.lead, touch.by, enquiry.answer) == (lead, alice, touch)
    assert lead.next_touch.kind == "call"
    assert Activity.objects.count() == 1
    assert Enquiry.objects.get().clock == clock_of(enquiry)


def test_the_lead_of_who_booked_a_slot_is_moved_to_meeting_scheduled(alice: User, robot: User, now: datetime) -> None:
    slot = now + timedelta(days=1)
    enquiry = ask(now, email="nia@hooli.example", channel="talk_to_expert", meeting_at=slot, actor=robot)
    lead = Lead.objects.get()
    assert (lead.status, lead.meeting_at, clock_of(enquiry).stopped_by) == ("meeting_scheduled", slot, "meeting")


def test_who_may_not_move_the_lead_enters_the_booking_all_the_same(alice: User, charlie: User, now: datetime) -> None:
    lead = make_lead(owner=alice)
    slot = now + timedelta(days=1)
    enquiry = ask(now, email=lead.email, channel="talk_to_expert", meeting_at=slot, actor=charlie, came_by="admin")
    lead.refresh_from_db()
    assert (lead.status, enquiry.lead, clock_of(enquiry).stopped_by) == ("new", lead, "meeting")
