"""Business hours: whether the company is open, and time counted only while it is (R4).

Everything is worked out from the open stretches of whole days, so its cost grows with the days between two moments,
never with the seconds. A stretch is what a clock on the wall says: on the night that an hour is repeated, a window
within that hour is open twice; on the night that one is left out, it is not open at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

DAY_MINUTES = 24 * 60
ZERO = timedelta()
# Further than that no promise reaches; a calendar without an open hour for so long is a mistake.
FURTHEST = timedelta(days=3700)
REMEMBERED = 4000  # days whose stretches are kept


class NeverOpen(ValueError):
    """A calendar without an open hour: nothing can be counted in it. It never stands for "always open"."""


@dataclass(frozen=True, slots=True)
class Window:
    """Open from one minute of the day (0 to 1439) until another, the first that is closed (1 to 1440)."""

    opens: int
    closes: int

    def __post_init__(self) -> None:
        if not 0 <= self.opens < self.closes <= DAY_MINUTES:
            raise ValueError("a window opens before it closes, within one day")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time without interruption, in UTC; `end` is its first moment that is closed."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


@dataclass(frozen=True, eq=False)
class Calendar:
    """The open hours of a company in its zone.

    `weekly`: the windows of each weekday, Monday is 0. `special`: days that have windows of their own, none for
    closed. `holiday`: the name of the holiday on a day, empty for none; a holiday is closed, unless it is special.

    Raises:
        NeverOpen: when no weekday has a window.
    """

    zone: ZoneInfo
    weekly: Mapping[int, Sequence[Window]]
    special: Mapping[date, Sequence[Window]] = field(default_factory=dict)
    holiday: Callable[[date], str] = lambda day: ""
    _known: dict[date, tuple[Stretch, ...]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not any(self.weekly.values()):
            raise NeverOpen("a calendar without an open hour")
        for windows in (*self.weekly.values(), *self.special.values()):
            if any(later.opens < earlier.closes for earlier, later in pairwise(windows)):
                raise ValueError("windows of a day are in order and do not overlap")

    def windows(self, day: date) -> Sequence[Window]:
        """When it is open on that day, by the clock on the wall."""
        if day in self.special:
            return self.special[day]
        return () if self.holiday(day) else self.weekly.get(day.weekday(), ())

    def stretches(self, day: date) -> tuple[Stretch, ...]:
        """When it is open on that day."""
        found = self._known.get(day)
        if found is None:
            if len(self._known) >= REMEMBERED:
                # Another thread may do so at any moment: what was found is answered, not looked up again.
                self._known.clear()
            found = self._known[day] = tuple(self._stretches(day))
        return found

    def is_open(self, at: datetime) -> bool:
        """Whether it is open at that moment."""
        return any(one.start <= at < one.end for one in self.stretches(self.day(at)))

    def day(self, at: datetime) -> date:
        """The day it is here at a moment."""
        return at.astimezone(self.zone).date()

    def next_opening(self, at: datetime) -> datetime:
        """The first open moment at or after this one."""
        return max(at, next(self._from(at)).start).astimezone(at.tzinfo)

    def last_closing(self, at: datetime) -> datetime | None:
        """The end of the last stretch that is over at this moment; None when there was none for years."""
        day, first = self.day(at), self.day(at - FURTHEST)
        while day > first:
            for one in reversed(self.stretches(day)):
                if one.end <= at:
                    return one.end
            day -= timedelta(days=1)
        return None

    def add_working_time(self, at: datetime, delta: timedelta) -> datetime:
        """The moment at which so much open time has passed since `at`; without any, `at` itself.

        What ends with a day's last open minute ends at closing, not at the next opening.
        """
        if delta < ZERO:
            raise ValueError("time is counted forwards")
        if not delta:
            return at
        for one in self._from(at):
            start = max(one.start, at)
            if start + delta <= one.end:
                return (start + delta).astimezone(at.tzinfo)
            delta -= one.end - start
        raise AssertionError("unreachable")

    def working_time_between(self, start: datetime, end: datetime) -> timedelta:
        """How much of the time between two moments was open; none when the second is the earlier."""
        total = ZERO
        for one in self.open_between(start, end):
            total += one.length
        return total

    def open_between(self, start: datetime, end: datetime) -> Iterator[Stretch]:
        """The open stretches between two moments, cut at both."""
        day, last = self.day(start), self.day(end)
        while day <= last:
            for one in self.stretches(day):
                first, final = max(one.start, start), min(one.end, end)
                if first < final:
                    yield Stretch(first, final)
            day += timedelta(days=1)

    def add_business_days(self, at: datetime, days: int) -> datetime:
        """The same time of day so many open days later; from closed time, counted from the next opening.

        A day that is open for an hour is a day. Where that day is closed at that time, it is when it opens next on that
        day, or the day's closing when it does not open again.
        """
        if days < 0:
            raise ValueError("time is counted forwards")
        start = self.next_opening(at)
        there = start.astimezone(self.zone)
        day = there.date()
        for _ in range(days):
            day = self._open_day_after(day)
        if day == there.date():
            return start.astimezone(at.tzinfo)
        # In a gap of spring as far behind it as the clock is moved; of an hour that is repeated, the first.
        wanted = datetime.combine(day, there.time().replace(fold=0), tzinfo=self.zone).astimezone(UTC)
        stretches = self.stretches(day)
        for one in stretches:
            if wanted <= one.end:
                return max(wanted, one.start).astimezone(at.tzinfo)
        return stretches[-1].end.astimezone(at.tzinfo)

    def _open_day_after(self, day: date) -> date:
        last = day + FURTHEST
        while day < last:
            day += timedelta(days=1)
            if self.stretches(day):
                return day
        raise NeverOpen("a calendar without an open day for ten years")

    def _from(self, at: datetime) -> Iterator[Stretch]:
        """The stretches that are not over at this moment, for ever.

        Raises:
            NeverOpen: when the next one is ten years away.
        """
        day = seen = self.day(at)
        while day - seen < FURTHEST:
            for one in self.stretches(day):
                if one.end > at:
                    seen = day
                    yield one
            day += timedelta(days=1)
        raise NeverOpen("a calendar without an open hour for ten years")

    def _stretches(self, day: date) -> Iterator[Stretch]:
        windows = self.windows(day)
        if not windows:
            return
        midnight = datetime.combine(day, time())
        found: list[Stretch] = []
        # On the days of daylight saving each part has an offset of its own: a window may lie in one of them or in both.
        for part, offset in self._parts(day):
            start = (midnight - offset).replace(tzinfo=UTC)
            for window in windows:
                opens = max(part.start, start + timedelta(minutes=window.opens))
                closes = min(part.end, start + timedelta(minutes=window.closes))
                if opens < closes:
                    if found and found[-1].end == opens:
                        found[-1] = Stretch(found[-1].start, closes)
                    else:
                        found.append(Stretch(opens, closes))
        yield from found

    def _parts(self, day: date) -> Iterator[tuple[Stretch, timedelta]]:
        """The day in parts of one offset from UTC each: one, or two when a clock is moved on it."""
        start = datetime.combine(day, time(), tzinfo=self.zone).astimezone(UTC)
        end = datetime.combine(day + timedelta(days=1), time(), tzinfo=self.zone).astimezone(UTC)
        if start >= end:
            return
        first, last = self._offset(start), self._offset(end - timedelta(microseconds=1))
        if first == last:
            yield Stretch(start, end), first
            return
        low, high = start, end - timedelta(microseconds=1)
        while high - low > timedelta(microseconds=1):
            middle = low + (high - low) / 2
            low, high = (middle, high) if self._offset(middle) == first else (low, middle)
        yield Stretch(start, high), first
        yield Stretch(high, end), last

    def _offset(self, at: datetime) -> timedelta:
        return at.astimezone(self.zone).utcoffset() or ZERO
