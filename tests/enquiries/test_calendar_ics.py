"""Invitations (.ics) on the same signed address: one meeting with one beginning, or a sentence why not."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.core.errors import Refused
from crm.enquiries.ics import read_ics
from crm.enquiries.models import Enquiry
from crm.people.models import User
from leads.models import Lead
from tests.enquiries.signed import Tool, tool

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def calendar(robot: User, root: User) -> Tool:
    """A calendar tool that acts as the robot."""
    return tool(robot, "calendar")


def ics(*, method: str = "REQUEST", start: str = "", sequence: int = 0, **lines: str) -> bytes:
    """An invitation of Nia to Alice, as a calendar tool writes it."""
    day = f"{timezone.now() + 9 * DAY:%Y%m%d}"
    event = {
        "UID": "UID:7kukl@calendar.example",
        "DTSTAMP": f"DTSTAMP:{timezone.now() - timedelta(minutes=1):%Y%m%dT%H%M%SZ}",
        "DTSTART": start or f"DTSTART;TZID=America/Los_Angeles:{day}T100000",
        "SEQUENCE": f"SEQUENCE:{sequence}",
        "SUMMARY": "SUMMARY:Talk to an expert\\, 30 minutes",
        "ORGANIZER": "ORGANIZER;CN=Alice:mailto:alice@example.com",
        "ROOM": "ATTENDEE;CUTYPE=ROOM:mailto:room@example.net",
        "HOST": "ATTENDEE;CN=Alice;PARTSTAT=ACCEPTED:mailto:Alice@example.com",
        "GUEST": 'ATTENDEE;CN="Nia Park";RSVP=TRUE:mailto:nia@hooli.example',
        **lines,
    }
    body = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Tool//EN", f"METHOD:{method}", "BEGIN:VEVENT"]
    body += [line for line in event.values() if line]
    return "\r\n".join([*body, "END:VEVENT", "END:VCALENDAR", ""]).encode()


def send(calendar: Tool, body: bytes) -> Any:
    return calendar.send(body=body, content_type="text/calendar; charset=utf-8")


def test_an_invitation_is_a_booking(calendar: Tool, alice: User) -> None:
    answer = send(calendar, ics())
    assert answer.json()["outcome"] == "booked", answer.content
    lead, enquiry = Lead.objects.get(), Enquiry.objects.get()
    assert (lead.email, lead.first_name, lead.owner, lead.status) == (
        "nia@hooli.example",
        "Nia",
        alice,
        "meeting_scheduled",
    )
    assert enquiry.subject == "Talk to an expert, 30 minutes"
    assert enquiry.external_id == "7kukl@calendar.example"
    assert lead.meeting_at is not None
    day = (timezone.now() + 9 * DAY).date()
    assert lead.meeting_at.date() == day
    assert lead.meeting_at.astimezone(UTC).hour in (17, 18)


def test_it_is_moved_and_cancelled_by_what_follows(calendar: Tool, alice: User) -> None:
    send(calendar, ics())
    later = f"{timezone.now() + 12 * DAY:%Y%m%d}T180000Z"
    assert send(calendar, ics(start=f"DTSTART:{later}", sequence=1)).json()["outcome"] == "moved"
    assert f"{Lead.objects.get().meeting_at:%Y%m%dT%H%M%SZ}" == later
    assert send(calendar, ics(method="CANCEL", sequence=1)).json()["outcome"] == "cancelled"
    assert Lead.objects.get().status == "engaged"
    assert send(calendar, ics(sequence=0)).json()["outcome"] == "outdated"


def test_a_request_whose_status_is_cancelled_cancels(calendar: Tool, alice: User) -> None:
    send(calendar, ics())
    assert send(calendar, ics(sequence=1, STATUS="STATUS:CANCELLED")).json()["outcome"] == "cancelled"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (ics(method="REPLY"), "invalid_method"),
        (ics(method="PUBLISH"), "invalid_method"),
        (ics(RRULE="RRULE:FREQ=WEEKLY"), "recurring"),
        (ics(RECURRENCE="RECURRENCE-ID:20260305T180000Z"), "recurring"),
        (ics(UID=""), "needs_uid"),
        (ics(GUEST=""), "needs_attendee"),
        (ics(SEQUENCE="SEQUENCE:-1"), "invalid_sequence"),
        (ics(SEQUENCE="SEQUENCE:many"), "invalid_sequence"),
        (ics(start="DTSTART;VALUE=DATE:20261201"), "invalid_start"),
        (ics(start="DTSTART:20261201T100000"), "invalid_start"),
        (ics(start="DTSTART;TZID=Mars/Olympus:20261201T100000"), "invalid_start"),
        (ics(start="DTSTART:tomorrow"), "invalid_start"),
        (ics(start="X-NOTHING:1"), "invalid_start"),
        (ics()[:200], "malformed"),
        (ics() + ics(), "malformed"),
        (b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n", "malformed"),
        (b"Dear Sir", "malformed"),
    ],
)
def test_what_is_no_booking_is_refused_with_a_sentence(calendar: Tool, alice: User, body: bytes, code: str) -> None:
    answer = send(calendar, body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, code)
    assert len(answer.json()["detail"]) > 15
    assert not Enquiry.objects.exists()


def test_a_chat_tool_sends_no_invitations(robot: User, root: User, alice: User) -> None:
    assert send(tool(robot), ics()).status_code == 415


@pytest.mark.parametrize(
    ("line", "utc"),
    [
        ("DTSTART;TZID=America/Los_Angeles:20270314T013000", datetime(2027, 3, 14, 9, 30, tzinfo=UTC)),
        ("DTSTART;TZID=America/Los_Angeles:20270314T033000", datetime(2027, 3, 14, 10, 30, tzinfo=UTC)),
        ("DTSTART;TZID=Pacific Standard Time:20270701T100000", datetime(2027, 7, 1, 17, 0, tzinfo=UTC)),
        ("DTSTART;TZID=Europe/Berlin:20271031T033000", datetime(2027, 10, 31, 2, 30, tzinfo=UTC)),
    ],
)
def test_the_time_is_of_its_zone(alice: User, line: str, utc: datetime) -> None:
    assert read_ics(ics(start=line), at=timezone.now()).start == utc


@settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
@given(noise=st.binary(max_size=40), place=st.integers(0, 600), cut=st.integers(0, 60))
def test_whatever_is_sent_is_read_or_refused(noise: bytes, place: int, cut: int) -> None:
    body = ics()
    with suppress(Refused):
        read_ics(body[:place] + noise + body[place + cut :], at=timezone.now())
