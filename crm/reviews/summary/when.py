"""When the summary of a week is due: on the handbook's weekday, when the company opens; if it is closed, when it opens
next. Whoever was down then tells it late."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from crm import handbook
from crm.handbook.models import HandbookVersion
from crm.handbook.promise_rules import WEEK as WEEKDAYS
from crm.reviews.periods import WEEK, week_of
from crm.reviews.rituals.rhythm import starts_at

WEEKS_BACK = 5  # no company is closed for longer without that being a mistake


def due_at(week: date) -> datetime:
    """When the summary of the week that begins on this Monday is due."""
    book = handbook.current()
    day = week + timedelta(days=WEEKDAYS.index(book.reviews.summary))
    return book.calendar().next_opening(starts_at(day, book.zone))


def due_week(at: datetime) -> date | None:
    """The Monday of the last week whose summary is due by now; None when Plumb was not there yet at its time.

    Of several weeks that fall due together, after a long closure, it is the last one.
    """
    began = HandbookVersion.objects.order_by("applied_at").values_list("applied_at", flat=True).first()
    this = week_of(handbook.current().today(at))
    for back in range(WEEKS_BACK):
        due = due_at(week := this - WEEK * back)
        if due <= at:
            return week if began is not None and began <= due else None
    return None


def next_due(at: datetime) -> datetime:
    """When the next one is due."""
    this = week_of(handbook.current().today(at))
    return next(due for n in range(-1, WEEKS_BACK) if (due := due_at(this + WEEK * n)) > at)
