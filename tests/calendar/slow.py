"""The business calendar told minute by minute: slow, and plain enough to believe by reading it.

It knows nothing of stretches and intervals: it looks at each minute of UTC in turn, reads the clock on the wall there,
and asks whether that minute of that day is in a window.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from crm.calendar.hours import Calendar, Window

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class SlowCalendar:
    """The same open hours, looked up one minute at a time. Moments are whole minutes."""

    def __init__(self, calendar: Calendar) -> None:
        self.zone = calendar.zone
        self.weekly, self.special, self.holiday = calendar.weekly, calendar.special, calendar.holiday

    def wall(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    def windows(self, day: date) -> list[Window]:
        if day in self.special:
            return list(self.special[day])
        if self.holiday(day):
            return []
        return list(self.weekly.get(day.weekday(), ()))

    def is_open(self, at: datetime) -> bool:
        wall = self.wall(at)
        minute = wall.hour * 60 + wall.minute
        return any(one.opens <= minute < one.closes for one in self.windows(wall.date()))

    def add_working_minutes(self, at: datetime, minutes: int) -> datetime:
        """The end of the last of so many open minutes."""
        while minutes:
            minutes -= self.is_open(at)
            at += MINUTE
        return at

    def working_minutes_between(self, start: datetime, end: datetime) -> int:
        count, at = 0, start
        while at < end:
            count += self.is_open(at)
            at += MINUTE
        return count

    def next_opening(self, at: datetime) -> datetime:
        while not self.is_open(at):
            at += MINUTE
        return at

    def last_closing(self, at: datetime) -> datetime:
        """The moment after the last open minute before a moment that is closed."""
        while not self.is_open(at - MINUTE):
            at -= MINUTE
        return at

    def add_business_days(self, at: datetime, days: int) -> datetime:
        """From the next opening, as many further days with an open minute, at the wall clock's time on the last."""
        at = self.next_opening(at)
        if not days:
            return at
        time, day = self.wall(at).time().replace(fold=0), self.wall(at).date()
        while days:
            day += timedelta(days=1)
            days -= bool(self.open_minutes(day))
        minutes, wanted = self.open_minutes(day), self.moment(datetime.combine(day, time))
        if wanted in minutes or wanted - MINUTE in minutes:
            return wanted
        return next((minute for minute in minutes if minute > wanted), minutes[-1] + MINUTE)

    def moment(self, naive: datetime) -> datetime:
        """When the wall clock first shows this; where it never does, when it would have, had nobody moved it."""
        at = naive.replace(tzinfo=UTC) - 30 * HOUR
        while self.wall(at + MINUTE).replace(tzinfo=None) <= naive:
            at += MINUTE
        return at + (naive - self.wall(at).replace(tzinfo=None))

    def open_minutes(self, day: date) -> list[datetime]:
        """The open minutes of a day, in the order in which they pass."""
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        around = (noon + MINUTE * n for n in range(-30 * 60, 30 * 60))
        return [at for at in around if self.wall(at).date() == day and self.is_open(at)]
