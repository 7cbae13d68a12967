"""Rituals in tests: since when they are held, whose they are, and how they stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from crm import handbook
from crm.handbook.models import HandbookVersion
from crm.people.models import User
from crm.reviews.models import Occasion
from crm.reviews.rituals.services import mark_done, skip
from crm.reviews.rituals.standing import Standing, standing_of

MONDAY = date(2026, 3, 2)  # of the week that tests happen in, on a Wednesday
WEEK = timedelta(days=7)


def held_since(at: datetime) -> None:
    """The rituals are held since a moment."""
    HandbookVersion.objects.update(applied_at=at)


@contextmanager
def rituals(*keys: str, **changed: Any) -> Iterator[None]:
    """Only these rituals of the handbook are on, changed in these values."""
    book = handbook.current()
    found = tuple(one.model_copy(update=changed if one.key in keys else {"on": False}) for one in book.rituals)
    handbook._in_use.append(book.model_copy(update={"rituals": found}))
    try:
        yield
    finally:
        handbook._in_use.pop()


def stands(key: str, at: datetime) -> Standing:
    """How a ritual stands."""
    found = standing_of(handbook.current(), key, at=at)
    assert found is not None
    return found


def done(key: str, by: User, at: datetime, *, period: date = MONDAY, number: int = 1, came_of: str = "") -> Occasion:
    """It was held."""
    return mark_done(key, period=period, number=number, came_of=came_of, actor=by, at=at, via="test")


def skipped(key: str, by: User, at: datetime, *, period: date = MONDAY, number: int = 1, why: str = "Away") -> Occasion:
    """It was skipped."""
    return skip(key, period=period, number=number, reason=why, actor=by, at=at, via="test")
