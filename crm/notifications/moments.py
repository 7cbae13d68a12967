"""Times as messages say them: where their reader is, with the company's time beside."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from crm import handbook
from crm.people.models import User


def zone_of(user: User) -> ZoneInfo:
    """Where somebody works; the company's zone when they say nothing, or something that is no zone any more."""
    try:
        return ZoneInfo(user.zone) if user.zone else handbook.current().zone
    except (ZoneInfoNotFoundError, ValueError):
        return handbook.current().zone


def moment_words(at: datetime, zone: ZoneInfo | None = None) -> str:
    """A moment in the reader's zone, and in the company's where that is another time of day:
    “Wed, Mar 4, 2026, 19:00 CET (10:00 PST)”."""
    company = at.astimezone(ours := handbook.current().zone)
    here = at.astimezone(zone) if zone and zone is not ours else company
    said = f"{_day(here)}, {here.year}, {_clock(here)}"
    if here.utcoffset() == company.utcoffset():
        return said
    beside = _clock(company) if here.date() == company.date() else f"{_day(company)}, {_clock(company)}"
    return f"{said} ({beside})"


def _day(at: datetime) -> str:
    return f"{at:%a, %b} {at.day}"


def _clock(at: datetime) -> str:
    name = at.tzname() or ""
    # Zones without a name of their own are called by their distance alone ("+03").
    return f"{at.hour:02}:{at.minute:02} {'UTC' + name if name[:1] in '+-' else name}"
