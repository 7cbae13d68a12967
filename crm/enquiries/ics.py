"""Invitations as calendar tools send them (iCalendar, RFC 5545; iTIP, RFC 5546): METHOD REQUEST and CANCEL.

One meeting with one beginning: what recurs, lasts all day or has a time without a zone is refused with a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from icalendar import Calendar
from icalendar.error import BrokenCalendarProperty

from crm.core.errors import Missing, Refused
from crm.core.keys import compute_keys
from crm.core.text import tidy
from crm.enquiries.bookings import Change
from crm.enquiries.incoming import CLOCK_DRIFT, EARLIEST, LONGEST_TEXT
from crm.people.models import User

REQUEST, CANCEL = "REQUEST", "CANCEL"
RECURRING = ("RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")
MOST_ATTENDEES = 100


def read_ics(body: bytes, *, at: datetime, method: str = "") -> Change:
    """What an invitation says of its booking. `method` is what its envelope calls it, where the invitation does not.

    The attendee is the first who is not one of us; the host the first who is, the organizer before the attendees.

    Raises:
        Refused: `missing_facts` with the part that will not do.
    """
    calendar, event = _event(body)
    asked = str(calendar.get("METHOD") or method).strip().upper()
    if asked not in (REQUEST, CANCEL):
        raise _wrong(
            "invalid_method",
            "METHOD: REQUEST for a booking that is made or moved, CANCEL for one that is not to be.",
            "METHOD",
        )
    if any(name in event for name in RECURRING):
        raise _wrong("recurring", "A meeting that recurs is no booking: send each one by itself.", "RRULE")
    uid = _text(event, "UID", 400)
    if not uid:
        raise _wrong("needs_uid", "UID: what the calendar tool calls this booking.", "UID")
    cancelled = asked == CANCEL or _text(event, "STATUS", 20).upper() == "CANCELLED"
    said_at = _moment(event, "DTSTAMP") or at
    if not EARLIEST <= said_at <= at + CLOCK_DRIFT:
        said_at = at
    people = list(_people(event))
    organizer = _address(event.get("ORGANIZER"))
    ours = _ours([*(one for one, _ in people), organizer])
    guests = [(email, name) for email, name in people if email and email.lower() not in ours]
    email, name = guests[0] if guests else ("", "")
    if not cancelled and not email:
        raise _wrong("needs_attendee", "ATTENDEE: somebody who is not one of us.", "ATTENDEE")
    return Change(
        uid=uid,
        said_at=said_at,
        received_at=at,
        start=None if cancelled else _start(event),
        sequence=_sequence(event),
        name=name,
        email=email,
        hosts=tuple(one for one in dict.fromkeys([organizer, *(one for one, _ in people)]) if one.lower() in ours),
        title=_text(event, "SUMMARY", 255),
        text=_text(event, "DESCRIPTION", LONGEST_TEXT),
    )


def _event(body: bytes) -> tuple[Calendar, Any]:
    try:
        calendars = [one for one in Calendar.from_ical(body, multiple=True) if one.name == "VCALENDAR"]
        events = [event for one in calendars for event in one.walk("VEVENT")]
    # The reader says what is broken by many kinds of exceptions; whatever it was, it is no invitation.
    except Exception as error:
        raise _wrong("malformed", "This is not a calendar's message (iCalendar).", "") from error
    if len(calendars) != 1 or len(events) != 1:
        raise _wrong("malformed", "Send one calendar with one event (VEVENT), complete to its end.", "")
    return calendars[0], events[0]


def _start(event: Any) -> datetime:
    """When the meeting begins, in UTC."""
    found = _part(event.get("DTSTART"), "dt")
    if found is None:
        raise _wrong("invalid_start", "DTSTART: a day and a time.", "DTSTART")
    if not isinstance(found, datetime):
        raise _wrong("invalid_start", "DTSTART: a whole day is no meeting: give its time.", "DTSTART")
    if found.tzinfo is None:
        said = "DTSTART: a time with its zone: TZID=America/Los_Angeles, or in UTC with a Z."
        raise _wrong("invalid_start", said, "DTSTART")
    try:
        return found.astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise _wrong("invalid_start", "DTSTART: a day and a time.", "DTSTART") from error


def _part(value: Any, name: str) -> Any:
    """What the reader made of a line's value; None where it could make nothing of it."""
    try:
        return getattr(value, name, None)
    except BrokenCalendarProperty:
        return None


def _moment(event: Any, name: str) -> datetime | None:
    found = _part(event.get(name), "dt")
    try:
        return found.astimezone(UTC) if isinstance(found, datetime) and found.tzinfo is not None else None
    except (OverflowError, ValueError):
        return None


def _sequence(event: Any) -> int:
    try:
        found = int(event.get("SEQUENCE") or 0)
    except (TypeError, ValueError):
        found = -1
    if not 0 <= found <= 2_147_483_647:
        raise _wrong("invalid_sequence", "SEQUENCE: a number from 0.", "SEQUENCE")
    return found


def _people(event: Any) -> Iterator[tuple[str, str]]:
    """The attendees, address and name; rooms and other things are none."""
    given = event.get("ATTENDEE") or []
    for one in (given if isinstance(given, list) else [given])[:MOST_ATTENDEES]:
        parameters = _part(one, "params") or {}
        if str(parameters.get("CUTYPE", "INDIVIDUAL")).upper() in ("ROOM", "RESOURCE"):
            continue
        name = tidy(str(parameters.get("CN", "")))[:255]
        address = _address(one)
        yield address, "" if "@" in name else name


def _address(value: Any) -> str:
    text = tidy(str(value or ""))
    return text[7:].strip()[:254] if text.lower().startswith("mailto:") else ""


def _ours(addresses: list[str]) -> set[str]:
    """Which of these addresses are of people here, in lower case."""
    given = [one for one in addresses if one]
    keys = dict(zip(given, compute_keys("email_key", given), strict=True)) if given else {}
    people = User.objects.active_people().filter(email_key__in=[key for key in keys.values() if key])
    known = set(people.values_list("email_key", flat=True))
    return {one.lower() for one, key in keys.items() if key in known}


def _text(event: Any, name: str, most: int) -> str:
    value = event.get(name)
    if isinstance(value, list):
        value = value[0] if value else None
    return tidy(str(value or "").encode("utf-8", "replace").decode())[:most]


def _wrong(code: str, said: str, field: str) -> Refused:
    return Refused("missing_facts", said, [Missing(code, said, field)])
