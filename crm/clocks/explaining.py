"""Why a promise is due when it is: every stretch of time from the request to the limit, counted or not, and why.

Rules about times, no tables: the page, the API and `manage.py due` draw the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from crm.calendar.hours import Calendar, Stretch
from crm.clocks.terms import Pause, Step, promise_for, terms_of
from crm.handbook.document import Handbook
from crm.handbook.promise_rules import WEEK
from crm.handbook.promises import Hours, Policy

Why = Literal["open", "night", "break", "weekend", "closed_weekday", "holiday", "own_day", "held_up"]
LABELS: dict[Why, str] = {
    "open": "Open",
    "night": "Night",
    "break": "Break",
    "weekend": "Weekend",
    "held_up": "Held up",
}
SATURDAY, SUNDAY = 5, 6


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of time with one reason: whether it counts, why, and the reason in words."""

    start: datetime
    end: datetime
    counted: bool
    why: Why
    label: str

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was promised for one request, and how the time to it was counted.

    `limit` is the due instant; of a clock that is held up, the one it has if it goes on at the moment asked about.
    `by_business` says whether closed time is left out of the count.
    """

    policy: Policy
    started: datetime
    in_hours: bool
    promised: str
    by_business: bool
    target: datetime | None
    limit: datetime
    parts: tuple[Part, ...]
    steps: tuple[Step, ...]

    @property
    def counted(self) -> timedelta:
        """The time that counts, all together."""
        return sum((part.length for part in self.parts if part.counted), timedelta())

    @property
    def uncounted(self) -> timedelta:
        """The time that does not."""
        return sum((part.length for part in self.parts if not part.counted), timedelta())


def explain(
    book: Handbook, policy: Policy, started: datetime, pauses: Sequence[Pause] = (), *, held: Pause | None = None
) -> Explanation:
    """How a policy of a handbook counts a request that was received at `started`; pauses in order.

    `held`: since when it is held up, and the moment asked about.

    Raises:
        ValueError: for a policy without a promise.
    """
    calendar = book.calendar(policy)
    waits = (*pauses, *([held] if held is not None and held.start < held.end else []))
    terms = terms_of(policy, calendar, book.zone, started, waits)
    span = promise_for(policy, in_hours=terms.in_hours).limit
    hours = next((one for one in book.other_hours if one.key == policy.hours), book.hours)
    count = _Count(calendar, hours, span.is_business, waits)
    parts = tuple(_joined(count.parts(started, terms.limit)))
    return Explanation(
        policy,
        started,
        terms.in_hours,
        str(span),
        span.is_business,
        terms.target,
        terms.limit,
        parts,
        terms.steps,
    )


@dataclass(frozen=True, slots=True)
class _Count:
    calendar: Calendar
    hours: Hours
    by_business: bool
    pauses: Sequence[Pause]

    def parts(self, start: datetime, end: datetime) -> Iterator[Part]:
        """From start to end without a gap: what was held up, and between that what was open and closed."""
        for pause in self.pauses:
            first, last = max(pause.start, start), min(pause.end, end)
            if first >= last:
                continue
            yield from self._running(start, first)
            yield Part(first, last, False, "held_up", LABELS["held_up"])
            start = last
        yield from self._running(start, end)

    def _running(self, start: datetime, end: datetime) -> Iterator[Part]:
        for one in self.calendar.open_between(start, end):
            yield from self._closed(start, one.start)
            yield Part(one.start, one.end, True, "open", LABELS["open"])
            start = one.end
        yield from self._closed(start, end)

    def _closed(self, start: datetime, end: datetime) -> Iterator[Part]:
        """Closed time, day by day: each has a reason of its own."""
        while start < end:
            day = self.calendar.day(start)
            last = min(end, max(self._midnight_after(day), start + timedelta(microseconds=1)))
            why, label = self._reason(day, Stretch(start, last))
            yield Part(start, last, not self.by_business, why, label)
            start = last

    def _midnight_after(self, day: date) -> datetime:
        zone = self.calendar.zone
        return datetime.combine(day + timedelta(days=1), time(), tzinfo=zone).astimezone(UTC)

    def _reason(self, day: date, closed: Stretch) -> tuple[Why, str]:
        if day in self.calendar.special:
            own = next(one for one in self.hours.own_days if one.day <= day <= (one.last or one.day))
            return "own_day", own.label
        if name := self.calendar.holiday(day):
            return "holiday", name
        if not self.calendar.windows(day):
            if day.weekday() in (SATURDAY, SUNDAY):
                return "weekend", LABELS["weekend"]
            return "closed_weekday", f"Closed on {WEEK[day.weekday()].capitalize()}s"
        open_then = self.calendar.stretches(day)
        is_break = bool(open_then) and open_then[0].end <= closed.start and closed.end <= open_then[-1].start
        why: Why = "break" if is_break else "night"
        return why, LABELS[why]


def _joined(parts: Iterator[Part]) -> Iterator[Part]:
    """Neighbours with one reason as one: a night is not two because of midnight."""
    last: Part | None = None
    for part in parts:
        if last is not None and (last.counted, last.why, last.label) == (part.counted, part.why, part.label):
            last = Part(last.start, part.end, part.counted, part.why, part.label)
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last
