"""Figures of response times as people read them: names, parts and spans of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from crm import handbook
from crm.enquiries.attainment import Attainment, By, Figures
from crm.enquiries.attainment_asked import Asked
from crm.people.choosing import people, teams

TITLES: dict[By, str] = {"channel": "Channel", "owner": "Owner", "team": "Team", "week": "Week of"}
FIGURES = "figures"
HOUR, MINUTE = 3600, 60


def business_time(seconds: float | None) -> str:
    """A length of business time, in hours and minutes; a dash where there is none."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    minutes = round(whole / MINUTE)
    return f"{minutes // 60:,} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def percent(part: float | None) -> str:
    """A part of 1 in percent; all only where it is all, nothing only where it is nothing."""
    if part is None:
        return "–"
    shown = round(part * 100)
    if part < 1 and shown == 100:
        return "over 99%"
    return "under 1%" if part > 0 and shown == 0 else f"{shown}%"


def labels_of(found: Attainment, by: By) -> dict[Any, str]:
    """What each value of a dimension is called; people and teams in one query each."""
    keys = list(found.by(by))
    if by == "channel":
        known = dict(handbook.current().choices("enquiry.channels"))
        return {key: known.get(key, key) for key in keys}
    if by == "week":
        return {key: day_words(key) for key in keys}
    names = people(keys) if by == "owner" else teams(keys)
    return {key: names.get(key, "Nobody" if by == "owner" else "No team") for key in keys}


def ordered(found: Attainment, by: By) -> Sequence[tuple[Any, str, Figures]]:
    """The values with their labels and figures: weeks as they came, channels as the handbook has them, others by how
    many they received, nobody last."""
    rows = found.by(by)
    labels = labels_of(found, by)
    if by == "week":
        keys = sorted(rows)
    elif by == "channel":
        places = {key: n for n, (key, _) in enumerate(handbook.current().choices("enquiry.channels"))}
        keys = sorted(rows, key=lambda key: (places.get(key, len(places)), key))
    else:
        keys = sorted(rows, key=lambda key: (key is None, -rows[key].received, labels[key].casefold(), key or 0))
    return [(key, labels[key], rows[key]) for key in keys]


def day_words(day: date) -> str:
    """A day, short."""
    return f"{day.day} {day:%b %Y}"


def period_words(since: date, until: date) -> str:
    """A period, both days with."""
    return day_words(since) if since == until else f"{day_words(since)} to {day_words(until)}"


def list_address(asked: Asked) -> str:
    """Where the enquiries that a number counts are listed."""
    place = reverse("admin:enquiries_enquiry_changelist")
    return f"{place}?{urlencode({FIGURES: urlencode(asked.parameters)})}"
