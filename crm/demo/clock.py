"""The demo's own calendar: days are counted from the day it is loaded, in the company's zone, and skip weekends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SATURDAY = 5


@dataclass(frozen=True)
class Calendar:
    """Answers when things happened and will happen, seen from `now`."""

    now: datetime
    zone: ZoneInfo

    @property
    def today(self) -> date:
        """The company's today, weekend or not."""
        return self.now.astimezone(self.zone).date()

    def day(self, working_days: int) -> date:
        """The day so many working days after today; negative: before. A weekend's 0 is today itself."""
        day, step = self.today, 1 if working_days > 0 else -1
        for _ in range(abs(working_days)):
            day += timedelta(days=step)
            while day.weekday() >= SATURDAY:
                day += timedelta(days=step)
        return day

    def at(self, working_days: int, hour: int, minute: int = 0) -> datetime:
        """A time on such a day."""
        return datetime.combine(self.day(working_days), time(hour, minute), tzinfo=self.zone)

    def ago(self, working_days: int, hour: int, minute: int = 0) -> datetime:
        """The same in the past: what would still be to come today has just happened."""
        return min(self.at(-working_days, hour, minute), self.now - timedelta(minutes=5))
