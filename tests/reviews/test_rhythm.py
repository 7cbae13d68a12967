"""When rituals are due, against a model that looks at every day by itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm import handbook
from crm.reviews.rituals.rhythm import Days, Period, Rhythm, due_days, period_of, periods, starts_at
from crm.reviews.rituals.standing import days_of

ONE = timedelta(days=1)
DAY = st.dates(date(2023, 1, 1), date(2028, 12, 31))


@st.composite
def rhythms(draw: Any) -> Rhythm:
    """Any frequency that the handbook takes."""
    per = draw(st.sampled_from(["day", "week", "month", "quarter"]))
    every = 1 if per == "day" else draw(st.integers(1, 5))
    times = 1 if per == "day" else draw(st.integers(1, 4))
    anchor = draw(DAY) if every > 1 else None
    weekdays: tuple[int, ...] = ()
    if per in ("day", "week") and draw(st.booleans()):
        count = times if per == "week" else draw(st.integers(1, 7))
        weekdays = tuple(draw(st.permutations(range(7)))[:count])
    month_day = draw(st.integers(1, 31)) if per == "month" and times == 1 and draw(st.booleans()) else None
    on_holidays, starts = draw(st.booleans()), draw(st.integers(1, 12))
    return Rhythm(per, times, every, anchor, weekdays, month_day, on_holidays, starts)


@st.composite
def calendars(draw: Any) -> Days:
    """Working days, and days that are closed, sometimes many in a row."""
    works = draw(st.sets(st.integers(0, 6), min_size=1))
    modulus, below = draw(st.integers(2, 40)), draw(st.integers(0, 9))
    return Days(frozenset(works), lambda day: day.toordinal() % modulus < below)


def slow_key(rhythm: Rhythm, day: date) -> object:
    """What all days of one period share, and no others: counted day by day, not computed."""
    if rhythm.per == "day":
        return day
    if rhythm.per == "week":
        weeks = (day - date(2001, 1, 1)).days // 7  # a Monday
        anchor = ((rhythm.anchor or date(2001, 1, 1)) - date(2001, 1, 1)).days // 7
        return (weeks - anchor) // rhythm.every
    if rhythm.per == "month":
        first = rhythm.anchor or date(2001, 1, 1)
        return ((day.year - first.year) * 12 + day.month - first.month) // rhythm.every

    def quarter(of: date) -> int:
        months = (of.year - 2001) * 12 + of.month - rhythm.year_starts
        return months // 3

    return (quarter(day) - (quarter(rhythm.anchor) if rhythm.anchor else 0)) // rhythm.every


@settings(max_examples=400, deadline=None)
@given(rhythms(), calendars(), DAY)
def test_it_is_due_as_one_who_walks_the_calendar_finds(rhythm: Rhythm, days: Days, day: date) -> None:
    period = period_of(rhythm, day)
    walked = [day + n * ONE for n in range(-200, 201)]
    runs = [list(run) for _, run in groupby(walked, key=lambda one: slow_key(rhythm, one))]
    (mine,) = [run for run in runs if day in run]
    if rhythm.per != "quarter" or rhythm.every == 1:  # longer than what was walked
        assert (period.first, period.last) == (mine[0], mine[-1])
    assert period.first <= day <= period.last
    assert period_of(rhythm, period.last + ONE).first == period.last + ONE

    due = due_days(rhythm, period, days)
    assert due == sorted(set(due)), "in order, each once"
    assert all(period.first <= one <= period.last for one in due)
    usual = [one for one in period.days() if one.weekday() in days.works and not days.closed(one)]
    if not rhythm.on_holidays:
        assert not [one for one in due if days.closed(one)]
    named = bool(rhythm.weekdays or rhythm.month_day)
    if rhythm.per == "day":
        wanted = one_day(rhythm, days, day)
        assert due == ([day] if wanted else [])
    elif named:
        open_named = [one for one in slow_named(rhythm, period) if rhythm.on_holidays or not days.closed(one)]
        assert set(open_named) <= set(due), "an open day that is named stays"
        # Whatever moved, moved to a working day; it falls out only where none is left.
        assert set(due) - set(open_named) <= set(usual)
        assert len(due) == len(slow_named(rhythm, period)) or not set(usual) - set(due)
        if not open_named and len(slow_named(rhythm, period)) == 1:
            (meant,) = slow_named(rhythm, period)
            assert due == ([one for one in usual if one > meant][:1] or [one for one in usual if one < meant][-1:])
    else:
        first = [one for one in usual_first(rhythm, period) if one.weekday() in days.works]
        first = [one for one in first if rhythm.on_holidays or not days.closed(one)]
        assert set(due) <= set(first)
        assert len(due) == min(rhythm.times, len(first))
        assert due[:1] == first[:1]
        for n, one in enumerate(due):  # as evenly as may be
            place = first.index(one)
            assert place * len(due) <= n * len(first) < (place + 1) * len(due)
    begins = day
    assert all(one >= begins for one in due_days(rhythm, period, days, begins))


def one_day(rhythm: Rhythm, days: Days, day: date) -> bool:
    """Whether what is daily takes place on a day."""
    usual = day.weekday() in rhythm.weekdays if rhythm.weekdays else day.weekday() in days.works
    return usual and (rhythm.on_holidays or not days.closed(day))


def slow_named(rhythm: Rhythm, period: Period) -> list[date]:
    """The days it is due on by name, closed or not."""
    if rhythm.weekdays:
        return [one for one in list(period.days())[:7] if one.weekday() in rhythm.weekdays]
    month = [one for one in period.days() if one.month == period.first.month and one.year == period.first.year]
    return [month[min(rhythm.month_day or 1, len(month)) - 1]]


def usual_first(rhythm: Rhythm, period: Period) -> list[date]:
    """The days of the first week, month or quarter of a period."""
    if rhythm.per == "week":
        return list(period.days())[:7]
    length = 3 if rhythm.per == "quarter" else 1
    months = sorted({(one.year, one.month) for one in period.days()})[:length]
    return [one for one in period.days() if (one.year, one.month) in months]


def test_periods_follow_one_another_without_a_gap() -> None:
    found = periods(Rhythm("month"), date(2026, 1, 31), date(2026, 4, 1))
    assert [(one.first, one.last.day) for one in found] == [
        (date(2026, 1, 1), 31),
        (date(2026, 2, 1), 28),
        (date(2026, 3, 1), 31),
        (date(2026, 4, 1), 30),
    ]


@pytest.mark.parametrize(
    ("rhythm", "day", "due"),
    [
        (Rhythm("day"), date(2026, 11, 26), []),  # Thanksgiving
        (Rhythm("day", on_holidays=True), date(2026, 11, 26), [date(2026, 11, 26)]),
        (Rhythm("day", on_holidays=True), date(2026, 11, 28), []),  # a Saturday is no holiday
        (Rhythm("week", weekdays=(3,)), date(2026, 11, 26), [date(2026, 11, 27)]),
        (Rhythm("week", times=3), date(2026, 11, 26), [date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25)]),
        (Rhythm("week", times=3), date(2026, 3, 4), [date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 5)]),
        (Rhythm("week", every=3, anchor=date(2026, 1, 5)), date(2026, 2, 14), [date(2026, 1, 26)]),
        (Rhythm("month", month_day=31), date(2026, 2, 10), [date(2026, 2, 28)]),
        (Rhythm("month", month_day=31), date(2028, 2, 10), [date(2028, 2, 29)]),
        (Rhythm("month", month_day=1), date(2026, 1, 10), [date(2026, 1, 2)]),  # New Year
        (Rhythm("quarter"), date(2026, 6, 30), [date(2026, 4, 1)]),
        (Rhythm("quarter", year_starts=2), date(2027, 1, 31), [date(2026, 11, 2)]),
    ],
)  # fmt: skip
def test_it_is_due_by_the_company_s_own_calendar(rhythm: Rhythm, day: date, due: list[date]) -> None:
    found = due_days(rhythm, period_of(rhythm, day), days_of(handbook.current()))
    assert found == due, found


def test_a_day_begins_also_on_nights_that_clocks_are_moved() -> None:
    los_angeles, sao_paulo = ZoneInfo("America/Los_Angeles"), ZoneInfo("America/Sao_Paulo")
    assert starts_at(date(2026, 3, 8), los_angeles, time(2, 30)) == datetime(2026, 3, 8, 10, 30, tzinfo=UTC)
    assert starts_at(date(2026, 11, 1), los_angeles, time(1, 30)) == datetime(2026, 11, 1, 8, 30, tzinfo=UTC)
    assert starts_at(date(2018, 11, 4), sao_paulo) == datetime(2018, 11, 4, 3, 0, tzinfo=UTC)  # midnight was left out
