"""Rituals for programs: how each stands and what became of its times, as the command prints it and the API answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from crm.handbook.document import Handbook
from crm.reviews.rituals.rows import verdict_of
from crm.reviews.rituals.standing import Standing, Time, standings
from crm.reviews.rituals.words import frequency


def all_told(book: Handbook, *, at: datetime, histories: bool = False) -> dict[str, Any]:
    """Every ritual that is on, in the order of the handbook, and the keys of those that are off."""
    found = standings(book, at=at)
    told = [as_json(one) | ({"history": history_of(one)} if histories else {}) for one in found]
    return {"rituals": told, "off": [one.key for one in book.rituals if not one.on]}


def as_json(one: Standing) -> dict[str, Any]:
    """A ritual for programs: days are the company's, moments in UTC."""
    last = one.last_done
    return {
        "key": one.ritual.key,
        "label": one.ritual.label,
        "frequency": frequency(one.ritual),
        "dri": [person.email for person in one.dris],
        "state": verdict_of(one),
        "due": [str(time.due_on) for time in one.due],
        "next_due": str(one.next_on) if one.next_on else None,
        "missed": [str(time.period.first) for time in one.missed],
        "streak": one.streak,
        "last_done": {"at": last.at.isoformat(), "by": last.by.email, "came_of": last.came_of} if last else None,
    }


def history_of(one: Standing) -> list[dict[str, Any]]:
    """Every time of a year that is decided, the newest first."""
    return [_time(time) for time in one.history]


def _time(time: Time) -> dict[str, Any]:
    """What became of one time: done, skipped or missed; by a person, or by a run of the checkups."""
    answer = time.answer
    return {
        "first_day": str(time.period.first),
        "last_day": str(time.period.last),
        "number": time.number,
        "due": str(time.due_on) if time.due_on else None,
        "state": time.verdict,
        "at": answer.at.isoformat() if answer else None,
        "by": answer.by.email if answer else None,
        "came_of": answer.came_of if answer else "",
        "checkup_run_id": answer.run.pk if answer and answer.run else None,
    }
