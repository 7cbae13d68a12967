"""Lengths of time as people promise them: "1 hour", "4 business hours", "2 days", "1 business day"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from crm.calendar.hours import Calendar

Unit = Literal["minute", "hour", "business minute", "business hour", "day", "business day"]
UNITS: tuple[Unit, ...] = get_args(Unit)
WRITTEN = re.compile(rf"([1-9][0-9]{{0,4}}) ({'|'.join(UNITS)})s?")


@dataclass(frozen=True, slots=True)
class Span:
    """So many of a unit. Minutes and hours pass by the clock, days by the calendar (the same time of day, whatever
    daylight saving does), business minutes, hours and days only while the company is open."""

    count: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"

    @property
    def is_business(self) -> bool:
        """Whether closed time is left out."""
        return self.unit.startswith("business")

    def after(self, at: datetime, calendar: Calendar, zone: ZoneInfo) -> datetime:
        """When it is over if it begins at `at`; `zone` is the one whose days are counted."""
        if self.unit == "day":
            there = at.astimezone(zone)
            # The wall clock's time on that day: in a gap of spring as far behind it as the clock is moved.
            return (there.replace(fold=0) + timedelta(days=self.count)).astimezone(at.tzinfo)
        if self.unit == "business day":
            return calendar.add_business_days(at, self.count)
        if self.unit.startswith("business"):
            return calendar.add_working_time(at, self._plain())
        return at + self._plain()

    def _plain(self) -> timedelta:
        return timedelta(minutes=self.count) if self.unit.endswith("minute") else timedelta(hours=self.count)


def read_span(text: str) -> Span:
    """The span that a text says.

    Raises:
        ValueError: saying how one is written.
    """
    found = WRITTEN.fullmatch(text.strip())
    if not found:
        units = ", ".join(f"{unit}s" for unit in UNITS)
        raise ValueError(f'a number and one of {units}, as "1 hour" or "2 business days"')
    return Span(int(found[1]), found[2])  # type: ignore[arg-type]  # the pattern has only units
