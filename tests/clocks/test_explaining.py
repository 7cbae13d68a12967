"""The count of time told stretch by stretch: without a gap, to the limit, and by the same clock as the terms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.clocks.explaining import explain
from crm.clocks.terms import Pause, terms_of
from crm.clocks.timeline import draw
from crm.handbook import SHIPPED
from crm.handbook.document import Handbook
from crm.handbook.promises import Policy
from crm.handbook.reader import parse, read
from tests.clocks.test_terms import local, requests

BOOK = read(SHIPPED)
PACIFIC = ZoneInfo("America/Los_Angeles")
HOUR = timedelta(hours=1)


def book(*changes: tuple[str, str]) -> Handbook:
    text = BOOK.text
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return parse(text, SHIPPED)


def told(policy: str, received: str, *pauses: tuple[str, str], of: Handbook = BOOK) -> list[tuple[str, bool, float]]:
    waits = [Pause(local(start), local(end)) for start, end in pauses]
    found = explain(of, of.policy(policy), local(received), waits)
    return [(part.label, part.counted, part.length / HOUR) for part in found.parts]


def test_by_the_clock_every_hour_counts_open_or_not() -> None:
    assert told("web_chat", "2026-03-06 15:30") == [("Open", True, 0.5), ("Night", True, 0.5)]


def test_a_day_of_the_companys_own_is_named() -> None:
    own = 'own_days = [{ day = 2026-03-05, label = "Summer party", open = ["06:00-11:00"] }]\nholidays = "US"  '
    parts = told("support_p2", "2026-03-04 14:00", of=book(('holidays = "US"  ', own)))
    assert parts == [("Open", True, 2), ("Night", False, 8), ("Summer party", False, 6), ("Open", True, 5)]


def test_a_break_and_a_weekday_that_is_closed_are_named() -> None:
    hours = 'weekdays = { wednesday = ["06:00-12:00", "13:00-16:00"], thursday = [] }\nholidays = "US"  '
    parts = told("support_p2", "2026-03-04 11:00", of=book(('holidays = "US"  ', hours)))
    assert [label for label, _, _ in parts] == [
        "Open",
        "Break",
        "Open",
        "Night",
        "Closed on Thursdays",
        "Night",
        "Open",
    ]


def test_on_a_holiday_that_counts_nothing_is_left_out_but_the_night() -> None:
    assert [label for label, _, _ in told("support_p1", "2026-11-25 15:30")] == ["Open", "Night", "Open"]


def test_a_night_that_is_an_hour_short_is_an_hour_short() -> None:
    assert told("support_p1", "2026-03-06 15:00") == [
        ("Open", True, 1),
        ("Night", False, 8),
        ("Weekend", False, 47),
        ("Night", False, 6),
        ("Open", True, 3),
    ]


def test_what_is_held_up_is_one_stretch_over_nights_and_weekends() -> None:
    parts = told("support_p1", "2026-03-06 15:00", ("2026-03-06 15:30", "2026-03-09 06:30"))
    assert parts == [("Open", True, 0.5), ("Held up", False, 62), ("Open", True, 3.5)]


def test_a_clock_that_is_held_up_is_due_as_if_it_went_on_now() -> None:
    policy = BOOK.policy("web_chat")
    held = Pause(local("2026-03-04 10:15"), local("2026-03-04 12:15"))
    found = explain(BOOK, policy, local("2026-03-04 10:00"), held=held)
    assert found.limit == local("2026-03-04 13:00")
    assert [part.why for part in found.parts] == ["open", "held_up", "open"]


def test_a_policy_without_a_promise_has_nothing_to_explain() -> None:
    with pytest.raises(ValueError, match="promises nothing"):
        explain(BOOK, BOOK.policy("support_free"), local("2026-03-04 10:00"))


@given(requests())
@settings(max_examples=100, deadline=None)
def test_stretches_follow_each_other_to_the_limit_and_add_up(asked: tuple[Policy, datetime, list[Pause]]) -> None:
    policy, start, pauses = asked
    found, calendar = explain(BOOK, policy, start, pauses), BOOK.calendar(policy)
    terms = terms_of(policy, calendar, BOOK.zone, start, pauses)
    assert (found.target, found.limit, found.steps) == (terms.target, terms.limit, terms.steps)
    edges = [start, *(part.end for part in found.parts)]
    assert [part.start for part in found.parts] == edges[:-1]
    assert edges[-1] == found.limit
    assert all(part.length > timedelta() for part in found.parts)
    plain = terms_of(policy, calendar, BOOK.zone, start)
    if found.by_business:
        # What counts is what was promised, however often it was held up.
        assert found.counted == calendar.working_time_between(start, plain.limit)
        assert all(part.counted == (part.why == "open") for part in found.parts)
    else:
        assert found.counted == plain.limit - start
        assert all(part.counted == (part.why != "held_up") for part in found.parts)


@given(requests(), st.data())
@settings(max_examples=100, deadline=None)
def test_the_drawing_stays_within_its_width(asked: tuple[Policy, datetime, list[Pause]], data: Any) -> None:
    policy, start, pauses = asked
    found = explain(BOOK, policy, start, pauses)
    now = start + data.draw(st.integers(0, 100)) * HOUR
    drawing = draw(found.parts, [("received", start, "Received"), ("now", now, "Now")], PACIFIC)
    for x in (one.x for group in (drawing.bars, drawing.marks, drawing.ticks) for one in group):
        assert 0 <= float(x.removesuffix("%")) <= 100
    assert len(drawing.bars) == len(found.parts)
    assert len(drawing.ticks) <= 9


def test_a_drawing_of_an_instant_is_one_mark() -> None:
    at = datetime(2026, 3, 4, tzinfo=UTC)
    assert [mark.x for mark in draw([], [("now", at, "Now")], PACIFIC).marks] == ["0.00%"]
