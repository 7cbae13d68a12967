"""What a calendar tool tells us: a slot was booked, moved, or cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crm.core.errors import Missing, Refused
from crm.enquiries.bookings import Change, Door, take_change
from crm.enquiries.hooks.reading import Event, MeetingData
from crm.enquiries.models import Enquiry, Source

BOOKED, MOVED, CANCELLED = "meeting.booked", "meeting.moved", "meeting.cancelled"
KINDS = {BOOKED: MeetingData, MOVED: MeetingData, CANCELLED: MeetingData}
VIA = "webhook"


def change_of(event: Event) -> Change:
    """What an event says of a booking.

    Raises:
        Refused: `missing_facts` with `needs_start`.
    """
    data = event.data
    start: datetime | None = None
    if event.type != CANCELLED:
        start = data.get("start")
        if start is None:
            said = "Start: when the meeting is."
            raise Refused("missing_facts", said, [Missing("needs_start", said, "start")])
    attendee: Mapping[str, str] = data.get("attendee") or {}
    host = (data.get("host") or {}).get("email", "")
    return Change(
        uid=data["booking"],
        said_at=event.at,
        received_at=event.at,
        start=start,
        sequence=data["sequence"],
        hosts=(host,) if host else (),
        title=data["title"],
        text=data["text"],
        **{name: attendee.get(name, "") for name in ("name", "email", "company", "phone", "linkedin_url")},
    )


def carry_out(source: Source, change: Change, *, at: datetime) -> dict[str, Any]:
    """Do what happened to the booking; what became of it. Inside a domain call of the source's user."""
    door = Door(source.system, source.channel, Enquiry.Came.CALENDAR, source.user, at, VIA)
    return take_change(change, door)
