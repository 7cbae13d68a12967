"""Lengths of time as people write them, and when they are over."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.calendar.federal import federal_holiday
from crm.calendar.hours import Calendar, Window
from crm.calendar.spans import UNITS, Span, read_span

PACIFIC = ZoneInfo("America/Los_Angeles")
COMPANY = Calendar(PACIFIC, dict.fromkeys(range(5), (Window(360, 960),)), holiday=federal_holiday)


@given(st.integers(1, 99_999), st.sampled_from(UNITS))
def test_what_is_written_is_read_again(count: int, unit: str) -> None:
    span = Span(count, unit)  # type: ignore[arg-type]
    assert read_span(str(span)) == span
    assert str(span).endswith("s") == (count != 1)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1 hour", Span(1, "hour")),
        ("1 hours", Span(1, "hour")),
        (" 2 business days ", Span(2, "business day")),
        ("90 minute", Span(90, "minute")),
    ],
)
def test_it_reads_singular_and_plural(text: str, span: Span) -> None:
    assert read_span(text) == span


@pytest.mark.parametrize(
    "text",
    ["", "hour", "0 hours", "-1 hours", "1.5 hours", "1,5 hours", "1  hour", "1h", "1 week", "1 Hour",
     "1 business week", "1 business", "2 weeks", "100000 hours", "٣ hours", "1 hour\n2 hours", "one hour",
     "01 hours", "1٣ hours"],
)  # fmt: skip
def test_it_refuses_a_unit_or_a_number_that_cannot_be_and_says_how_one_is_written(text: str) -> None:
    with pytest.raises(ValueError, match="minutes, hours, business minutes, business hours, days, business days"):
        read_span(text)


@pytest.mark.parametrize(
    ("span", "start", "end"),
    [
        # By the clock.
        ("1 hour", "2026-03-08T01:30:00-08:00", "2026-03-08T03:30:00-07:00"),
        ("8 hours", "2026-10-31T22:00:00-07:00", "2026-11-01T05:00:00-08:00"),
        ("30 minutes", "2026-11-01T01:45:00-07:00", "2026-11-01T01:15:00-08:00"),
        # By the calendar: the same time of day, whatever daylight saving does.
        ("1 day", "2026-03-07T10:00:00-08:00", "2026-03-08T10:00:00-07:00"),
        ("1 day", "2026-10-31T10:00:00-07:00", "2026-11-01T10:00:00-08:00"),
        ("1 day", "2026-03-07T02:30:00-08:00", "2026-03-08T03:30:00-07:00"),  # half past two is left out
        ("1 day", "2026-10-31T01:30:00-07:00", "2026-11-01T01:30:00-07:00"),  # half past one is there twice
        ("1 day", "2026-11-01T01:30:00-08:00", "2026-11-02T01:30:00-08:00"),  # from its second time
        ("1 day", "2028-02-28T10:00:00-08:00", "2028-02-29T10:00:00-08:00"),
        ("2 days", "2028-02-28T10:00:00-08:00", "2028-03-01T10:00:00-08:00"),
        ("1 day", "2026-02-28T10:00:00-08:00", "2026-03-01T10:00:00-08:00"),
        # By open time.
        ("4 business hours", "2026-03-06T15:00:00-08:00", "2026-03-09T09:00:00-07:00"),
        ("90 business minutes", "2026-03-06T15:00:00-08:00", "2026-03-09T06:30:00-07:00"),
        ("1 business day", "2026-03-06T15:00:00-08:00", "2026-03-09T15:00:00-07:00"),
    ],
)
def test_it_is_over_when_people_say_it_is(span: str, start: str, end: str) -> None:
    found = read_span(span).after(datetime.fromisoformat(start), COMPANY, PACIFIC)
    assert found == datetime.fromisoformat(end)
    assert found.astimezone(PACIFIC).isoformat() == end


def test_days_are_those_of_the_companys_zone_whoever_asks() -> None:
    asked = datetime.fromisoformat("2026-03-07T19:00:00+01:00")
    assert read_span("1 day").after(asked, COMPANY, PACIFIC) == datetime.fromisoformat("2026-03-08T10:00:00-07:00")
