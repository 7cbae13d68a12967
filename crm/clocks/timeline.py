"""The drawing of an explained clock: bars and marks in percent of its width, so that it fits every screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from crm.clocks.explaining import Part

WIDEST_TICKS = 7
# A bar narrower than this, in percent, would not be seen.
NARROWEST = 0.3


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time."""

    x: str
    width: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment: the request, the target, the limit, the answer, now."""

    x: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    """The beginning of a day, or an hour where there are few days; `anchor` keeps its words inside the drawing."""

    x: str
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything that the drawing shows."""

    bars: Sequence[Bar]
    marks: Sequence[Mark]
    ticks: Sequence[Tick]


def draw(parts: Sequence[Part], moments: Sequence[tuple[str, datetime, str]], zone: ZoneInfo) -> Drawing:
    """Draw the parts and the moments (kind, when, title) from the first to the last of them; ticks in a zone."""
    times = [at for _, at, _ in moments] + [at for part in parts for at in (part.start, part.end)]
    start, end = min(times), max(times)
    whole = max((end - start) / timedelta(seconds=1), 1)

    def place(at: datetime) -> float:
        return 100 * ((at - start) / timedelta(seconds=1)) / whole

    def bar(part: Part) -> Bar:
        x = place(part.start)
        width = max(place(part.end) - x, NARROWEST)
        kind = "held" if part.why == "held_up" else "counted" if part.counted else "closed"
        return Bar(f"{x:.2f}%", f"{width:.2f}%", kind, part.label)

    marks = [Mark(f"{place(at):.2f}%", kind, title) for kind, at, title in moments]
    ticks = [
        Tick(f"{place(at):.2f}%", text, "start" if place(at) < 8 else "end" if place(at) > 92 else "middle")
        for at, text in _ticks(start, end, zone)
    ]
    return Drawing([bar(part) for part in parts], marks, ticks)


def _ticks(start: datetime, end: datetime, zone: ZoneInfo) -> Sequence[tuple[datetime, str]]:
    """Midnights, every so many days; hours where the whole is shorter than two days."""
    if end - start < timedelta(days=2):
        step = next(h for h in (1, 2, 3, 6, 12) if (end - start) / timedelta(hours=h) <= WIDEST_TICKS or h == 12)
        first = start.astimezone(zone).replace(minute=0, second=0, microsecond=0).astimezone(UTC)
        hours = [first + timedelta(hours=n) for n in range(1, 50)]
        return [
            (at, f"{at.astimezone(zone):%H:%M}")
            for at in hours
            if start <= at <= end and at.astimezone(zone).hour % step == 0
        ]
    first_day, last_day = start.astimezone(zone).date(), end.astimezone(zone).date()
    count = (last_day - first_day).days
    every = -(-count // WIDEST_TICKS) or 1
    days = [first_day + timedelta(days=n) for n in range(1, count + 1, every)]
    found = [(datetime.combine(day, time(), tzinfo=zone).astimezone(UTC), f"{day:%a} {day.day}") for day in days]
    return [(at, text if every == 1 else f"{at.astimezone(zone):%b} {at.astimezone(zone).day}") for at, text in found]
