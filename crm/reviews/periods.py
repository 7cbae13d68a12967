"""Fiscal quarters and weeks of a calendar: plain dates, without Django.

A fiscal year begins on the first of a month (`company.fiscal_year_start` of the handbook) and is called by the
calendar year in which it ends, as accountants do: with a start in February, 1 February 2026 begins Q1 2027. A start in
January makes both the same. A week begins on Monday. Years that `date` cannot hold raise ValueError or OverflowError.
"""

from __future__ import annotations

from datetime import date, timedelta

MONTHS = 12
IN_QUARTER = 3
QUARTERS = 4
WEEK = timedelta(days=7)


def quarter_of(day: date, start_month: int) -> tuple[date, date]:
    """The first and the last day of the fiscal quarter that a day lies in."""
    back = (day.month - start_month) % IN_QUARTER
    first = _months_on(day.replace(day=1), -back)
    return first, _months_on(first, IN_QUARTER) - timedelta(days=1)


def next_quarter(first: date, count: int = 1) -> date:
    """The first day of the fiscal quarter so many on from the one that begins on this day; a negative count: before."""
    return _months_on(first, count * IN_QUARTER)


def is_quarter_start(day: date, start_month: int) -> bool:
    """Whether a fiscal quarter begins on this day."""
    return quarter_of(day, start_month)[0] == day


def year_of(day: date, start_month: int) -> int:
    """The fiscal year that a day lies in."""
    return day.year if start_month == 1 or day.month < start_month else day.year + 1


def label(day: date, start_month: int) -> str:
    """What the fiscal quarter of a day is called: “Q1 2026”."""
    return f"Q{(day.month - start_month) % MONTHS // IN_QUARTER + 1} {year_of(day, start_month)}"


def week_of(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def mondays(first: date, last: date) -> list[date]:
    """The Mondays of all weeks that have a day between these two, both with."""
    return [week_of(first) + WEEK * n for n in range((week_of(last) - week_of(first)).days // 7 + 1)]


def _months_on(first: date, months: int) -> date:
    """The first of a month so many months on."""
    years, month = divmod(first.month - 1 + months, MONTHS)
    return date(first.year + years, month + 1, 1)
