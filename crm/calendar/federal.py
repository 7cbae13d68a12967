"""The federal holidays of the United States, observed days included (R4)."""

from __future__ import annotations

from datetime import date
from functools import cache

import holidays


@cache
def _days() -> holidays.HolidayBase:
    # Without a state: the eleven of the federation. It reckons each year when it is first asked for.
    return holidays.country_holidays("US")


def federal_holiday(day: date) -> str:
    """The name of the holiday that is kept on this day; empty for none."""
    return str(_days().get(day) or "")
