"""Fiscal quarters and weeks."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from crm.reviews import periods


@pytest.mark.parametrize(
    ("day", "start", "first", "last", "called"),
    [
        (date(2026, 1, 1), 1, date(2026, 1, 1), date(2026, 3, 31), "Q1 2026"),
        (date(2026, 12, 31), 1, date(2026, 10, 1), date(2026, 12, 31), "Q4 2026"),
        (date(2024, 2, 29), 1, date(2024, 1, 1), date(2024, 3, 31), "Q1 2024"),
        (date(2024, 2, 29), 12, date(2023, 12, 1), date(2024, 2, 29), "Q1 2024"),
        (date(2026, 1, 31), 2, date(2025, 11, 1), date(2026, 1, 31), "Q4 2026"),
        (date(2026, 2, 1), 2, date(2026, 2, 1), date(2026, 4, 30), "Q1 2027"),
        (date(2026, 6, 30), 7, date(2026, 4, 1), date(2026, 6, 30), "Q4 2026"),
        (date(2026, 7, 1), 7, date(2026, 7, 1), date(2026, 9, 30), "Q1 2027"),
        (date(2026, 1, 15), 12, date(2025, 12, 1), date(2026, 2, 28), "Q1 2026"),
        (date(2025, 12, 1), 12, date(2025, 12, 1), date(2026, 2, 28), "Q1 2026"),
    ],
)
def test_a_day_lies_in_its_fiscal_quarter(day: date, start: int, first: date, last: date, called: str) -> None:
    assert periods.quarter_of(day, start) == (first, last)
    assert periods.label(day, start) == called
    assert periods.is_quarter_start(day, start) is (day == first)


@pytest.mark.parametrize("start", range(1, 13))
def test_quarters_follow_one_another_without_a_gap_and_four_make_a_year(start: int) -> None:
    first = date(2023, start, 1)
    for n in range(12):
        begins = periods.next_quarter(first, n)
        ends = periods.next_quarter(begins) - timedelta(days=1)
        assert periods.quarter_of(begins, start) == periods.quarter_of(ends, start) == (begins, ends)
        year = first.year + n // 4 + (start > 1)
        assert periods.label(begins, start) == periods.label(ends, start) == f"Q{n % 4 + 1} {year}"
        assert periods.next_quarter(begins, -1) == periods.quarter_of(begins - timedelta(days=1), start)[0]


def test_a_week_begins_on_monday_and_every_week_with_a_day_in_a_period_is_of_it() -> None:
    assert periods.week_of(date(2026, 3, 1)) == date(2026, 2, 23)
    assert periods.week_of(date(2026, 3, 2)) == date(2026, 3, 2)
    found = periods.mondays(date(2026, 1, 1), date(2026, 3, 31))
    assert (found[0], found[-1], len(found)) == (date(2025, 12, 29), date(2026, 3, 30), 14)
    assert periods.mondays(date(2026, 3, 4), date(2026, 3, 4)) == [date(2026, 3, 2)]
