"""The business calendar against one that looks at every minute: random hours, zones, holidays, and nights of DST."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from crm.calendar.hours import DAY_MINUTES, Calendar, NeverOpen, Window
from tests.calendar.slow import MINUTE, SlowCalendar

# Days around which clocks are moved, or a whole day is left out.
NIGHTS = {
    "America/Los_Angeles": (date(2026, 3, 8), date(2026, 11, 1)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),  # by half an hour
    "America/Sao_Paulo": (date(2018, 11, 4), date(2018, 2, 18)),  # at midnight
    "Africa/Cairo": (date(2026, 4, 24), date(2026, 10, 30)),  # at midnight
    "Asia/Beirut": (date(2026, 3, 29), date(2026, 10, 25)),  # at midnight
    "Pacific/Apia": (date(2011, 12, 30), date(2012, 4, 1)),  # the day that never was
    "Asia/Kathmandu": (date(2026, 2, 28), date(2024, 2, 29)),
    "UTC": (date(2026, 1, 1), date(2024, 2, 29)),
}


# Whole hours more often than not, so that what happens at once is tried.
MINUTES = st.one_of(st.integers(0, 24).map(lambda n: n * 60), st.integers(0, DAY_MINUTES))


@st.composite
def windows(draw: Any) -> tuple[Window, ...]:
    """Up to three windows in order; some touch, some begin or end at midnight."""
    edges = sorted(draw(st.lists(MINUTES, min_size=0, max_size=6, unique=True)))
    return tuple(Window(*pair) for pair in zip(edges[::2], edges[1::2], strict=False))


@st.composite
def calendars(draw: Any) -> tuple[Calendar, date]:
    """A calendar, and a day on which something happens in its zone."""
    zone = draw(st.sampled_from(sorted(NIGHTS)))
    day = draw(st.sampled_from(NIGHTS[zone]))
    near = st.integers(-4, 4).map(lambda n: day + timedelta(days=n))
    weekly = draw(st.dictionaries(st.integers(0, 6), windows(), min_size=3))
    if not any(weekly.values()):
        weekly[draw(st.integers(0, 6))] = (Window(540, 1020),)
    special = draw(st.dictionaries(near, windows(), max_size=2))
    holidays = draw(st.sets(near, max_size=2))
    named = {one: f"Holiday {one}" for one in holidays}
    return Calendar(ZoneInfo(zone), weekly, special, lambda one: named.get(one, "")), day


def moments(day: date) -> st.SearchStrategy[datetime]:
    """Whole minutes within a day and a half of noon."""
    noon = datetime.combine(day, time(12), tzinfo=UTC)
    whole = st.integers(-72, 72).map(lambda n: noon + n * 30 * MINUTE)
    return st.one_of(whole, st.integers(-36 * 60, 36 * 60).map(lambda n: noon + n * MINUTE))


@given(calendars(), st.data())
@settings(max_examples=60, deadline=None)
def test_it_is_open_in_the_same_minutes(made: tuple[Calendar, date], data: Any) -> None:
    calendar, day = made
    slow, start = SlowCalendar(calendar), data.draw(moments(day))
    for n in range(0, 26 * 60, 7):
        at = start + n * MINUTE
        assert calendar.is_open(at) == slow.is_open(at)
        # Within a minute nothing changes.
        assert calendar.is_open(at + timedelta(seconds=59, microseconds=999_999)) == slow.is_open(at)


@given(calendars(), st.data())
@settings(max_examples=40, deadline=None)
def test_every_stretch_of_a_day_is_made_of_its_open_minutes(made: tuple[Calendar, date], data: Any) -> None:
    calendar, day = made
    slow, day = SlowCalendar(calendar), day + timedelta(days=data.draw(st.integers(-2, 2)))
    found = calendar.stretches(day)
    minutes = [one.start + n * MINUTE for one in found for n in range(int(one.length / MINUTE))]
    assert minutes == slow.open_minutes(day)
    assert all(earlier.end < later.start for earlier, later in pairwise(found))


@given(calendars(), st.data())
@settings(max_examples=50, deadline=None)
def test_it_counts_the_same_working_time(made: tuple[Calendar, date], data: Any) -> None:
    calendar, day = made
    slow, start, end = SlowCalendar(calendar), data.draw(moments(day)), data.draw(moments(day))
    assert calendar.working_time_between(start, end) == slow.working_minutes_between(start, end) * MINUTE


@given(calendars(), st.data())
@settings(max_examples=50, deadline=None)
def test_it_adds_the_same_working_time(made: tuple[Calendar, date], data: Any) -> None:
    calendar, day = made
    start, minutes = data.draw(moments(day)), data.draw(st.integers(0, 900))
    assert calendar.add_working_time(start, minutes * MINUTE) == SlowCalendar(calendar).add_working_minutes(
        start, minutes
    )


@given(calendars(), st.data())
@settings(max_examples=40, deadline=None)
def test_it_finds_the_same_next_opening_and_last_closing(made: tuple[Calendar, date], data: Any) -> None:
    calendar, day = made
    slow, at = SlowCalendar(calendar), data.draw(moments(day))
    assert calendar.next_opening(at) == slow.next_opening(at)
    if not calendar.is_open(at):
        assert calendar.last_closing(at) == slow.last_closing(at)


@given(calendars(), st.data())
@settings(max_examples=60, deadline=None)
def test_it_adds_the_same_business_days(made: tuple[Calendar, date], data: Any) -> None:
    calendar, day = made
    start, days = data.draw(moments(day)), data.draw(st.integers(0, 4))
    assert calendar.add_business_days(start, days) == SlowCalendar(calendar).add_business_days(start, days)


@given(calendars(), st.data())
@settings(max_examples=60, deadline=None)
def test_adding_and_counting_undo_each_other(made: tuple[Calendar, date], data: Any) -> None:
    calendar, day = made
    start = data.draw(moments(day)) + timedelta(microseconds=data.draw(st.integers(0, 59_999_999)))
    delta = timedelta(microseconds=data.draw(st.integers(0, 10**12)))
    end = calendar.add_working_time(start, delta)
    assert end >= start
    assert calendar.working_time_between(start, end) == delta
    # The earliest such moment: a little before, less has passed.
    if delta:
        assert calendar.working_time_between(start, end - timedelta(microseconds=1)) < delta


@given(calendars(), st.data())
@settings(max_examples=60, deadline=None)
def test_working_time_adds_up_and_never_runs_backwards(made: tuple[Calendar, date], data: Any) -> None:
    calendar, day = made
    first, middle, last = sorted(data.draw(moments(day)) for _ in range(3))
    between = calendar.working_time_between
    assert between(first, middle) + between(middle, last) == between(first, last)
    assert timedelta() <= between(first, last) <= last - first
    assert between(last, first) == timedelta()
    more = data.draw(st.integers(0, 600)) * MINUTE
    assert calendar.add_working_time(first, more) <= calendar.add_working_time(middle, more)
    assert calendar.add_working_time(first, more) <= calendar.add_working_time(first, more + MINUTE)
    step = calendar.add_working_time(first, more)
    assert calendar.add_working_time(step, more) == calendar.add_working_time(first, 2 * more)


@given(calendars(), st.data())
@settings(max_examples=100, deadline=None)
def test_business_days_never_run_backwards(made: tuple[Calendar, date], data: Any) -> None:
    calendar, day = made
    at, days = data.draw(moments(day)), data.draw(st.integers(0, 6))
    found = calendar.add_business_days(at, days)
    assert found >= at
    assert calendar.add_business_days(at, days + 1) > found
    assert calendar.is_open(found) or calendar.last_closing(found) == found


@given(calendars(), st.data())
@settings(max_examples=50, deadline=None)
def test_an_answer_is_in_the_zone_of_the_question(made: tuple[Calendar, date], data: Any) -> None:
    calendar, day = made
    at = data.draw(moments(day))
    asked = at.astimezone(ZoneInfo("Asia/Tokyo"))
    for mine, theirs in (
        (calendar.add_working_time(at, MINUTE), calendar.add_working_time(asked, MINUTE)),
        (calendar.add_business_days(at, 2), calendar.add_business_days(asked, 2)),
        (calendar.next_opening(at), calendar.next_opening(asked)),
    ):
        assert mine == theirs
        assert theirs.tzinfo is asked.tzinfo


@given(st.dictionaries(st.integers(0, 6), st.just(())))
@example({})
def test_a_week_without_an_open_hour_is_refused(weekly: dict[int, tuple[Window, ...]]) -> None:
    try:
        Calendar(ZoneInfo("UTC"), weekly)
    except NeverOpen:
        return
    raise AssertionError("a calendar that is never open")
