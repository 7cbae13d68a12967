"""Rituals in words: how often, when, and what of a period."""

from __future__ import annotations

from datetime import date, timedelta

from crm.checkups.words import joined
from crm.handbook.rituals import Ritual
from crm.reviews.rituals.rhythm import Period
from crm.reviews.rituals.standing import Standing, Time

NUMBERS = ("", "once", "twice", "three times", "four times", "five times", "six times", "seven times")
SMALL = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
SINGLE = {"day": "Daily", "week": "Weekly", "month": "Monthly", "quarter": "Quarterly"}


def frequency(ritual: Ritual) -> str:
    """How often, as people say it: "Weekly", "Three to four times a week", "Every three weeks", "Monthly on day 1"."""
    if ritual.times == 1 and ritual.most_times is None:
        said = SINGLE[ritual.per] if ritual.every == 1 else f"Every {_number(ritual.every)} {ritual.per}s"
    else:
        count = _number(ritual.times) if ritual.most_times else _times(ritual.times)
        most = f" to {_times(ritual.most_times)}" if ritual.most_times else ""
        period = f"a {ritual.per}" if ritual.every == 1 else f"every {_number(ritual.every)} {ritual.per}s"
        said = f"{count}{most} {period}".capitalize()
    if ritual.days:
        said += f" on {joined(day.capitalize() for day in ritual.days)}"
    return f"{said} on day {ritual.month_day}" if ritual.month_day else said


def period_words(period: Period) -> str:
    """The days of a period: "Mon, Mar 2", "Mar 2 – 8", "March 2026"."""
    first, last = period.first, period.last
    if first == last:
        return day_words(first)
    if first.day == 1 and (last + timedelta(days=1)).day == 1:
        whole = f"{first:%B %Y}"
        return whole if (first.year, first.month) == (last.year, last.month) else f"{first:%B} – {last:%B %Y}"
    month = "" if first.month == last.month else f"{last:%b} "
    return f"{first:%b} {first.day} – {month}{last.day}"


def day_words(day: date) -> str:
    """A day in a row of others: "Mon, Mar 2"."""
    return f"{day:%a}, {day:%b} {day.day}"


def due_words(time: Time) -> str:
    """When something that is due is due: since when, and until when it is not missed."""
    if time.due_on is None:
        return "Welcome this week" if time.period.first != time.period.last else "Welcome"
    since = "Due today" if time.due_on == time.today else f"Due since {day_words(time.due_on)}"
    return since if time.period.last == time.today else f"{since}, until {day_words(time.period.last)}"


def streak_words(standing: Standing) -> str:
    """How long it was kept: "Kept 3 weeks in a row"; nothing where it was not."""
    if not standing.streak:
        return ""
    unit = standing.ritual.per if standing.ritual.every == 1 else "time"
    return f"{standing.streak} {unit}{'' if standing.streak == 1 else 's'} in a row"


def _times(number: int) -> str:
    return NUMBERS[number] if number < len(NUMBERS) else f"{number} times"


def _number(number: int) -> str:
    return SMALL[number] if number < len(SMALL) else str(number)
