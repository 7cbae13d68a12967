"""The federal holidays of the United States, observed days included (R4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache

import holidays


@cache
def _of_year(year: int) -> Mapping[date, str]:
    # Without a state: the eleven of the federation. A whole year at once: the library's own table fills itself while it
    # is asked, and another thread would meanwhile find a year that is there and has no holidays yet.
    return dict(holidays.country_holidays("US", years=year, expand=False))


def federal_holiday(day: date) -> str:
    """The name of the holiday that is kept on this day; empty for none."""
    return _of_year(day.year).get(day, "")
