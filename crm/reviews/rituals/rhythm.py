"""When something is due that is done so many times a period: plain Python over the company's days.

A period is a day, a week from Monday, a month or a quarter, or several of them in a row. What is due within one is a
list of days; it is missed when the period has ended and it was done less often.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

ONE = timedelta(days=1)
MONTHS = {"month": 1, "quarter": 3}


@dataclass(frozen=True, slots=True)
class Days:
    """Which weekdays the company works on (Monday is 0), and which days are closed: holidays and days of its own."""

    works: frozenset[int]
    closed: Callable[[date], bool]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often: `times` within every `every` days, weeks, months or quarters.

    `anchor` lies in a first period, where `every` is more than one; a quarter begins as the year does, with the month
    `year_starts`. `weekdays`, `month_day`: when it is due; else its times are spread over the working days.
    """

    per: Literal["day", "week", "month", "quarter"]
    times: int = 1
    every: int = 1
    anchor: date | None = None
    weekdays: tuple[int, ...] = ()
    month_day: int | None = None
    on_holidays: bool = False
    year_starts: int = 1


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day to the last."""

    first: date
    last: date

    def days(self) -> Iterator[date]:
        """Each of its days."""
        for n in range((self.last - self.first).days + 1):
            yield self.first + n * ONE


def period_of(rhythm: Rhythm, day: date) -> Period:
    """The period that a day lies in."""
    if rhythm.per == "day":
        return Period(day, day)
    if rhythm.per == "week":
        start = _monday(rhythm.anchor or day)
        length = 7 * rhythm.every
        first = start + (day - start).days // length * length * ONE
        return Period(first, first + (length - 1) * ONE)
    length = MONTHS[rhythm.per] * rhythm.every
    begins = _month(rhythm.anchor) if rhythm.anchor else rhythm.year_starts - 1
    if rhythm.per == "quarter":
        # Also with an anchor, quarters begin as the year does.
        begins -= (begins - (rhythm.year_starts - 1)) % 3
    number = begins + (_month(day) - begins) // length * length
    return Period(_first_of(number), _first_of(number + length) - ONE)


def periods(rhythm: Rhythm, first: date, last: date) -> list[Period]:
    """The periods that any of these days lies in, in order."""
    found = [period_of(rhythm, first)]
    while found[-1].last < last:
        found.append(period_of(rhythm, found[-1].last + ONE))
    return found


def due_days(rhythm: Rhythm, period: Period, days: Days, begins: date = date.min) -> list[date]:
    """On which days of a period it is due, in order; on none before `begins`, the day from which it counts.

    What is daily does not take place on a closed day. Else a named day that is closed moves to the next open day of the
    period, or the last one before it; a period with fewer open days asks for it less often.
    """

    def is_open(day: date) -> bool:
        usual = day.weekday() in (rhythm.weekdays or days.works)
        return usual and (rhythm.on_holidays or not days.closed(day))

    if rhythm.per == "day":
        return [day for day in period.days() if day >= begins and is_open(day)]
    if named := _named(rhythm, period):
        return [day for day in _moved(rhythm, period, days, named) if day >= begins]
    # Several weeks or months in one: it is due in the first of them.
    part = _first_part(rhythm, period)
    return _spread([day for day in part.days() if day >= begins and is_open(day)], rhythm.times)


def starts_at(day: date, zone: ZoneInfo, hour: time = time()) -> datetime:
    """The moment that a day of the zone reaches an hour: one that a change of clocks leaves out comes later, of one
    that comes twice it is the first."""
    return datetime.combine(day, hour, tzinfo=zone).astimezone(UTC)


def _named(rhythm: Rhythm, period: Period) -> list[date]:
    """The days that it is due on by its weekdays or its day of the month, closed or not."""
    if rhythm.per == "week" and rhythm.weekdays:
        return [period.first + weekday * ONE for weekday in sorted(rhythm.weekdays)]
    if rhythm.per == "month" and rhythm.month_day:
        first = period.first
        return [first.replace(day=min(rhythm.month_day, monthrange(first.year, first.month)[1]))]
    return []


def _moved(rhythm: Rhythm, period: Period, days: Days, named: Sequence[date]) -> list[date]:
    """The named days, each that is closed replaced by an open one that is not taken."""
    if rhythm.on_holidays:
        return list(named)
    taken = {day for day in named if not days.closed(day)}
    for day in named:
        if not days.closed(day):
            continue
        others = [one for one in period.days() if one.weekday() in days.works and not days.closed(one)]
        later, earlier = [one for one in others if one > day], [one for one in others if one < day]
        free = next((one for one in (*later, *reversed(earlier)) if one not in taken), None)
        if free is not None:
            taken.add(free)
    return sorted(taken)


def _spread(open_days: Sequence[date], times: int) -> list[date]:
    """So many of the days, as evenly as may be, beginning with the first."""
    count = min(times, len(open_days))
    return [open_days[n * len(open_days) // count] for n in range(count)]


def _first_part(rhythm: Rhythm, period: Period) -> Period:
    if rhythm.per == "week":
        return Period(period.first, period.first + 6 * ONE)
    return Period(period.first, _first_of(_month(period.first) + MONTHS[rhythm.per]) - ONE)


def _monday(day: date) -> date:
    return day - day.weekday() * ONE


def _month(day: date) -> int:
    """Months counted through, so that they can be added."""
    return day.year * 12 + day.month - 1


def _first_of(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)
