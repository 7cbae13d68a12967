"""Bookings: an enquiry and its meeting at once, moved and cancelled with it, in whatever order we hear of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from crm.activities.models import Activity
from crm.activities.suppressing import suppress
from crm.core.door import move
from crm.enquiries.models import Enquiry, Thread
from crm.enquiries.responding import note_responses
from crm.people.models import User
from leads.models import Lead
from tests.enquiries.asking import ask, clock_of
from tests.enquiries.signed import Tool, tool
from tests.factories import make_contact, make_lead
from tests.races import race

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NIA = {"name": "Nia Park", "email": "nia@hooli.example", "company": "Hooli"}


@pytest.fixture
def calendar(robot: User, root: User) -> Tool:
    """A calendar tool that acts as the robot."""
    return tool(robot, "calendar")


@pytest.fixture
def start() -> datetime:
    """In two days."""
    return (timezone.now() + 2 * DAY).replace(microsecond=0)


def book(calendar: Tool, start: datetime | None, what: str = "booked", ago: float = 60, **values: Any) -> Any:
    """What the tool says of booking b-1, so many seconds ago."""
    data: dict[str, Any] = {"booking": "b-1", "attendee": NIA, "host": {"email": "alice@example.com"}, **values}
    if start is not None:
        data["start"] = start.isoformat()
    answer = calendar.send(f"meeting.{what}", data, at=timezone.now() - timedelta(seconds=ago))
    assert answer.status_code == 200, answer.content
    note_responses(at=timezone.now())
    return answer.json()


def test_a_booking_is_an_enquiry_met_on_arrival_and_the_hosts_lead_meets(
    calendar: Tool, alice: User, bob: User, start: datetime
) -> None:
    said = book(calendar, start, title="Demo", text="We have 2,000 hosts.")
    lead, enquiry = Lead.objects.get(), Enquiry.objects.get()
    assert said["lead_move"] == {"moved": True, "status": "meeting_scheduled"}
    assert (lead.status, lead.meeting_at, lead.owner) == ("meeting_scheduled", start, alice)
    assert (enquiry.channel, enquiry.came_by, enquiry.meeting_at) == ("talk_to_expert", "calendar", start)
    assert (enquiry.subject, enquiry.text) == ("Demo", "We have 2,000 hosts.")
    clock = clock_of(enquiry)
    assert (clock.stopped_at, clock.stopped_by) == (enquiry.received_at, "meeting")


def test_whoever_has_the_lead_keeps_it(calendar: Tool, alice: User, bob: User, start: datetime) -> None:
    lead = make_lead(owner=bob, email=NIA["email"])
    book(calendar, start)
    lead.refresh_from_db()
    assert (lead.owner, lead.status, lead.meeting_at) == (bob, "meeting_scheduled", start)


def test_nobodys_lead_becomes_the_hosts(calendar: Tool, alice: User, start: datetime) -> None:
    lead = make_lead(email=NIA["email"])
    book(calendar, start)
    lead.refresh_from_db()
    assert (lead.owner, lead.status) == (alice, "meeting_scheduled")


def test_a_host_who_is_nobody_here_is_no_reason_to_lose_the_booking(
    calendar: Tool, alice: User, start: datetime
) -> None:
    book(calendar, start, host={"email": "calendar@example.net"})
    assert Lead.objects.get().status == "meeting_scheduled"


def test_where_the_handbook_does_not_allow_it_the_timeline_says_why(
    calendar: Tool, alice: User, start: datetime
) -> None:
    lead = make_lead(owner=alice, email=NIA["email"])
    said = book(calendar, timezone.now() - DAY)
    lead.refresh_from_db()
    assert lead.status == "new"
    assert (said["lead_move"]["moved"], said["lead_move"]["code"]) == (False, "meeting_not_in_future")
    note = Activity.objects.get(lead=lead)
    assert "The lead was not moved: The meeting must lie in the future." in note.text
    assert clock_of(Enquiry.objects.get()).stopped_by == "meeting"


def test_who_is_not_to_be_contacted_is_not_moved(calendar: Tool, alice: User, mona: User, start: datetime) -> None:
    lead = make_lead(owner=alice, email=NIA["email"])
    suppress(actor=mona, at=timezone.now(), via="test", reason="asked_us", emails=[NIA["email"]])
    said = book(calendar, start)
    lead.refresh_from_db()
    assert (lead.status, said["lead_move"]["moved"]) == ("new", False)
    enquiry = Enquiry.objects.get()
    assert (enquiry.barred, enquiry.clock) == (True, None)


def test_a_contacts_booking_makes_no_lead(calendar: Tool, ann: User, start: datetime) -> None:
    contact = make_contact(owner=ann)
    said = book(calendar, start, attendee={"email": contact.email})
    assert (said["contact"], said["lead"], said["lead_move"]) == (contact.pk, None, None)
    assert not Lead.objects.exists()


def test_an_earlier_request_of_theirs_is_answered_by_the_booking(calendar: Tool, alice: User, start: datetime) -> None:
    first = ask(timezone.now() - DAY, email=NIA["email"], channel="talk_to_expert")
    book(calendar, start)
    assert clock_of(first).stopped_by == "meeting"


def test_a_meeting_that_is_moved_moves(calendar: Tool, alice: User, start: datetime) -> None:
    book(calendar, start, sequence=0)
    said = book(calendar, start + DAY, "moved", 30, sequence=1)
    lead, enquiry = Lead.objects.get(), Enquiry.objects.get()
    assert (said["outcome"], lead.meeting_at, enquiry.meeting_at) == ("moved", start + DAY, start + DAY)
    assert (enquiry.meeting_sequence, clock_of(enquiry).stopped_at) == (1, enquiry.received_at)


def test_a_meeting_that_is_cancelled_fell_through_and_had_answered(
    calendar: Tool, alice: User, start: datetime
) -> None:
    book(calendar, start)
    said = book(calendar, None, "cancelled", 30)
    lead, enquiry = Lead.objects.get(), Enquiry.objects.get()
    assert (said["outcome"], said["lead_move"]) == ("cancelled", {"moved": True, "status": "engaged"})
    assert (lead.meeting_outcome, enquiry.meeting_at) == ("cancelled", None)
    assert clock_of(enquiry).stopped_by == "meeting"


def test_a_slot_taken_again_after_a_cancellation_is_a_meeting_again(
    calendar: Tool, alice: User, start: datetime
) -> None:
    book(calendar, start, sequence=0)
    book(calendar, None, "cancelled", 30, sequence=1)
    book(calendar, start + DAY, "booked", 10, sequence=2)
    assert (Lead.objects.get().status, Lead.objects.get().meeting_at) == ("meeting_scheduled", start + DAY)
    assert Enquiry.objects.count() == 1


def test_an_older_event_that_comes_late_changes_nothing(calendar: Tool, alice: User, start: datetime) -> None:
    book(calendar, start, sequence=0)
    book(calendar, start + DAY, "moved", 20, sequence=2)
    assert book(calendar, start + 3 * DAY, "moved", 5, sequence=1)["outcome"] == "outdated"
    assert book(calendar, None, "cancelled", 5, sequence=1)["outcome"] == "outdated"
    # Of one sequence, and of a tool that does not count, the time decides.
    assert book(calendar, start + 3 * DAY, "moved", 25, sequence=2)["outcome"] == "outdated"
    assert book(calendar, start + 3 * DAY, "moved", 25)["outcome"] == "outdated"
    assert Lead.objects.get().meeting_at == Enquiry.objects.get().meeting_at == start + DAY


def test_a_move_that_comes_before_its_booking_is_the_booking(calendar: Tool, alice: User, start: datetime) -> None:
    assert book(calendar, start + DAY, "moved", 20, sequence=1)["outcome"] == "booked"
    assert book(calendar, start, "booked", 60, sequence=0)["outcome"] == "outdated"
    assert Lead.objects.get().meeting_at == start + DAY


def test_a_cancellation_that_comes_before_its_booking_holds(calendar: Tool, alice: User, start: datetime) -> None:
    assert book(calendar, None, "cancelled", 20, sequence=1)["outcome"] == "cancelled"
    assert book(calendar, start, "booked", 60, sequence=0)["outcome"] == "outdated"
    assert not Enquiry.objects.exists()
    assert Thread.objects.get().closed_at is not None


def test_another_meeting_of_the_lead_is_left_alone(calendar: Tool, alice: User, start: datetime) -> None:
    lead = make_lead(owner=alice, email=NIA["email"])
    move(lead, "schedule_meeting", actor=alice, at=timezone.now(), via="test", meeting_at=start)
    said = book(calendar, start + DAY)
    assert said["lead_move"]["code"] == "other_meeting"
    book(calendar, None, "cancelled", 30)
    lead.refresh_from_db()
    assert (lead.status, lead.meeting_at) == ("meeting_scheduled", start)


@pytest.mark.parametrize(
    ("values", "code"),
    [({"start": None}, "needs_start"), ({"attendee": {}}, "needs_attendee")],
)
def test_a_booking_that_lacks_something_is_refused(
    calendar: Tool, alice: User, start: datetime, values: dict[str, Any], code: str
) -> None:
    data = {"booking": "b-1", "attendee": NIA, "start": start.isoformat(), **values}
    answer = calendar.send("meeting.booked", {name: value for name, value in data.items() if value is not None})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, code)
    assert not Enquiry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_booked_and_cancelled_at_once_end_as_they_were_said(calendar: Tool, alice: User, start: datetime) -> None:
    answers = race(
        lambda: book(calendar, start, sequence=0),
        lambda: book(calendar, None, "cancelled", 30, sequence=1),
        behind="SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))",
        values=(f"thread:{calendar.source.system}\nb-1",),
    )
    assert [type(one) for one in answers] == [dict, dict]
    assert not Lead.objects.filter(status="meeting_scheduled").exists()
    assert not Enquiry.objects.exclude(meeting_at=None).exists()
