"""Business hours by hand: answers that two other libraries gave too, cost, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crm.calendar import hours
from crm.calendar.federal import federal_holiday
from crm.calendar.hours import Calendar, NeverOpen, Window

PACIFIC, EASTERN = ZoneInfo("America/Los_Angeles"), ZoneInfo("America/New_York")
SIX_TO_FOUR = (Window(6 * 60, 16 * 60),)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def company() -> Calendar:
    """Monday to Friday from six to four in Los Angeles, but for federal holidays (R4)."""
    return Calendar(PACIFIC, dict.fromkeys(range(5), SIX_TO_FOUR), holiday=federal_holiday)


def always(zone: ZoneInfo = PACIFIC) -> Calendar:
    return Calendar(zone, dict.fromkeys(range(7), (Window(0, 1440),)))


@pytest.mark.parametrize(
    ("start", "delta", "end"),
    [
        (datetime(2026, 3, 6, 15, tzinfo=PACIFIC), 4 * HOUR, "2026-03-09T09:00:00-07:00"),
        (datetime(2026, 10, 30, 15, tzinfo=PACIFIC), 4 * HOUR, "2026-11-02T09:00:00-08:00"),
        (datetime(2026, 11, 25, 15, tzinfo=PACIFIC), 4 * HOUR, "2026-11-27T09:00:00-08:00"),
        (datetime(2026, 7, 2, 15, 30, tzinfo=PACIFIC), 24 * HOUR, "2026-07-08T09:30:00-07:00"),
        (datetime(2026, 3, 4, 20, tzinfo=EASTERN), HOUR, "2026-03-05T07:00:00-08:00"),
    ],
    ids=["into summer time", "out of summer time", "Thanksgiving", "the Fourth, observed", "asked from New York"],
)
def test_it_gives_the_known_answers(start: datetime, delta: timedelta, end: str) -> None:
    found = company().add_working_time(start, delta)
    assert found == datetime.fromisoformat(end)
    assert found.astimezone(PACIFIC).isoformat() == end


def test_it_ends_at_closing_and_not_at_the_next_opening() -> None:
    friday = datetime(2026, 3, 6, 15, tzinfo=PACIFIC)
    assert company().add_working_time(friday, HOUR) == friday + HOUR
    assert company().add_working_time(friday, HOUR + timedelta(microseconds=1)).astimezone(PACIFIC).day == 9


def test_no_time_is_no_time_whether_open_or_closed() -> None:
    for at in (datetime(2026, 3, 7, 12, tzinfo=PACIFIC), datetime(2026, 3, 6, 12, tzinfo=PACIFIC)):
        assert company().add_working_time(at, timedelta()) == at


def test_time_is_not_counted_backwards() -> None:
    at = datetime(2026, 3, 6, 12, tzinfo=PACIFIC)
    with pytest.raises(ValueError, match="forwards"):
        company().add_working_time(at, -MINUTE)
    with pytest.raises(ValueError, match="forwards"):
        company().add_business_days(at, -1)
    assert company().working_time_between(at, at - DAY) == timedelta()


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-03-06T10:00:00-08:00", 1, "2026-03-09T10:00:00-07:00"),  # over the night of summer time
        ("2026-03-07T10:00:00-08:00", 1, "2026-03-10T06:00:00-07:00"),  # from closed time: from the next opening
        ("2026-03-06T15:59:00-08:00", 1, "2026-03-09T15:59:00-07:00"),
        ("2026-03-06T16:00:00-08:00", 1, "2026-03-10T06:00:00-07:00"),  # the first minute that is closed
        ("2026-11-25T15:30:00-08:00", 1, "2026-11-27T15:30:00-08:00"),
        ("2026-07-02T15:30:00-07:00", 2, "2026-07-07T15:30:00-07:00"),  # Friday the third is the Fourth, observed
        ("2026-03-07T10:00:00-08:00", 0, "2026-03-09T06:00:00-07:00"),
    ],
)
def test_business_days_keep_the_time_of_day(start: str, days: int, end: str) -> None:
    assert company().add_business_days(datetime.fromisoformat(start), days) == datetime.fromisoformat(end)


def test_a_business_day_that_ends_on_a_half_day_ends_at_its_closing() -> None:
    half = {date(2026, 3, 5): (Window(360, 660),)}
    calendar = Calendar(PACIFIC, dict.fromkeys(range(5), SIX_TO_FOUR), half)
    wednesday = datetime(2026, 3, 4, 14, tzinfo=PACIFIC)
    assert calendar.add_business_days(wednesday, 1) == datetime(2026, 3, 5, 11, tzinfo=PACIFIC)


def test_a_business_day_that_ends_in_a_break_ends_when_it_opens_again() -> None:
    calendar = Calendar(PACIFIC, {2: SIX_TO_FOUR, 3: (Window(360, 720), Window(780, 960))})
    wednesday = datetime(2026, 3, 4, 12, 30, tzinfo=PACIFIC)
    assert calendar.add_business_days(wednesday, 1) == datetime(2026, 3, 5, 13, tzinfo=PACIFIC)


def test_on_the_night_an_hour_is_repeated_a_window_in_it_is_open_twice() -> None:
    night = Calendar(PACIFIC, {6: (Window(60, 120),)})
    sunday = datetime(2026, 11, 1, tzinfo=PACIFIC)
    assert night.working_time_between(sunday, sunday + DAY) == 2 * HOUR
    assert len(night.stretches(date(2026, 11, 1))) == 1, "without a gap between the two"


def test_on_the_night_an_hour_is_left_out_a_window_in_it_is_never_open() -> None:
    night = Calendar(PACIFIC, {6: (Window(120, 180),)})
    assert night.stretches(date(2026, 3, 8)) == ()
    assert night.stretches(date(2026, 3, 15))


def test_a_day_that_never_was_has_no_open_hour() -> None:
    apia = always(ZoneInfo("Pacific/Apia"))
    assert apia.stretches(date(2011, 12, 30)) == ()
    before = datetime(2011, 12, 29, 12, tzinfo=ZoneInfo("Pacific/Apia"))
    assert apia.add_business_days(before, 1) == datetime(2011, 12, 31, 12, tzinfo=ZoneInfo("Pacific/Apia"))


def test_who_never_closes_counts_every_second() -> None:
    start = datetime(2026, 1, 1, 3, 4, 5, 6, tzinfo=UTC)
    assert always().add_working_time(start, 400 * DAY) == start + 400 * DAY
    assert always().working_time_between(start, start + 400 * DAY) == 400 * DAY


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2026, 7, 3), "observed"),
        (date(2026, 11, 26), "Thanksgiving"),
        (date(2027, 12, 31), "New Year"),  # of 2028, which begins on a Saturday
        (date(2026, 6, 19), "Juneteenth"),
        (date(2026, 11, 27), ""),  # no federal one
        (date(2026, 3, 31), ""),  # of California
    ],
)
def test_holidays_are_those_of_the_federation_and_observed(day: date, name: str) -> None:
    assert name in federal_holiday(day)
    assert bool(federal_holiday(day)) == bool(name)


# --- cost ------------------------------------------------------------------------------------------------------------


class Counted:
    """How many days' stretches a calendar works out, and how many it is asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = self.asked = 0
        made, asked = Calendar._stretches, Calendar.stretches

        def make(calendar: Calendar, day: date) -> Any:
            self.made += 1
            return made(calendar, day)

        def ask(calendar: Calendar, day: date) -> Any:
            self.asked += 1
            return asked(calendar, day)

        monkeypatch.setattr(Calendar, "_stretches", make)
        monkeypatch.setattr(Calendar, "stretches", ask)


def test_ten_years_cost_their_days_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted, calendar = Counted(monkeypatch), company()
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
    worked = calendar.working_time_between(start, end)
    days = (end - start).days + 1
    assert counted.made <= days + 1
    assert counted.asked <= days + 1
    assert calendar.add_working_time(start, worked) <= end
    assert counted.made <= days + 2, "what was worked out is remembered"
    assert counted.asked <= 2 * days + 4
    assert calendar.working_time_between(start, end) == worked


def test_an_hour_costs_a_day_and_not_its_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    counted, calendar = Counted(monkeypatch), company()
    monday = datetime(2026, 3, 9, 10, tzinfo=PACIFIC)
    calendar.add_working_time(monday, HOUR)
    calendar.is_open(monday)
    calendar.add_working_time(monday, timedelta(microseconds=1))
    assert (counted.made, counted.asked) == (1, 3)


def test_it_forgets_days_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hours, "REMEMBERED", 50)
    calendar = company()
    for n in range(500):
        calendar.is_open(datetime(2026, 1, 1, tzinfo=UTC) + n * DAY)
    assert len(calendar._known) <= 50


def test_threads_may_ask_while_another_one_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hours, "REMEMBERED", 2)
    calendar, failures = company(), []

    def ask(first: int) -> None:
        try:
            for n in range(2000):
                calendar.stretches(date(2026, 1, 1) + (first + n % 7) * DAY)
        except KeyError as error:
            failures.append(error)

    threads = [Thread(target=ask, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weekly", [{}, {0: ()}, dict.fromkeys(range(7), ())])
def test_a_calendar_without_an_open_hour_is_refused(weekly: dict[int, Any]) -> None:
    with pytest.raises(NeverOpen):
        Calendar(PACIFIC, weekly)


def test_a_calendar_that_is_closed_for_ever_by_its_holidays_does_not_search_for_ever() -> None:
    closed = Calendar(PACIFIC, {0: SIX_TO_FOUR}, holiday=lambda day: "Closed")
    at = datetime(2026, 3, 4, tzinfo=UTC)
    with pytest.raises(NeverOpen):
        closed.next_opening(at)
    with pytest.raises(NeverOpen):
        closed.add_working_time(at, MINUTE)
    with pytest.raises(NeverOpen):
        closed.add_business_days(at, 1)
    assert closed.last_closing(at) is None
    assert not closed.is_open(at)


def test_a_special_day_may_be_the_only_one_that_is_open_for_years() -> None:
    closed = Calendar(PACIFIC, {0: SIX_TO_FOUR}, {date(2030, 1, 1): SIX_TO_FOUR}, lambda day: "Closed")
    assert closed.next_opening(datetime(2026, 3, 4, tzinfo=UTC)) == datetime(2030, 1, 1, 6, tzinfo=PACIFIC)
    with pytest.raises(NeverOpen):
        closed.add_business_days(datetime(2026, 3, 4, tzinfo=UTC), 1)


@pytest.mark.parametrize("window", [(60, 60), (60, 59), (-1, 10), (0, 1441)])
def test_a_window_opens_before_it_closes_within_one_day(window: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="opens before it closes"):
        Window(*window)


@pytest.mark.parametrize("days", [(Window(60, 120), Window(119, 180)), (Window(600, 660), Window(60, 120))])
def test_windows_that_overlap_or_are_out_of_order_are_refused(days: tuple[Window, ...]) -> None:
    for given in ({"weekly": {0: days}}, {"weekly": {0: SIX_TO_FOUR}, "special": {date(2026, 3, 4): days}}):
        with pytest.raises(ValueError, match="in order"):
            Calendar(PACIFIC, **given)  # type: ignore[arg-type]


def test_years_that_are_asked_for_at_once_all_have_their_holidays() -> None:
    found: list[str] = []
    days = [date(year, 12, 25) for year in range(1990, 2090)]
    threads = [Thread(target=lambda: found.extend(federal_holiday(day) for day in days)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 800
    assert all("Christmas" in name for name in found)


def test_a_business_day_that_ends_as_a_break_begins_ends_there() -> None:
    calendar = Calendar(PACIFIC, {2: SIX_TO_FOUR, 3: (Window(360, 720), Window(780, 960))})
    wednesday = datetime(2026, 3, 4, 12, tzinfo=PACIFIC)
    assert calendar.add_business_days(wednesday, 1) == datetime(2026, 3, 5, 12, tzinfo=PACIFIC)
