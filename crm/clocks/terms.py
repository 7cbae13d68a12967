"""What a policy makes of a request: target, limit, and the steps on the way (R1-R3, R6). Rules about times, no tables.

A pause moves every time that lies after its beginning: by the business time that it took where the policy counts
business time, else by all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from crm.calendar.hours import Calendar
from crm.calendar.spans import Span
from crm.handbook.promises import Policy, Promise

# How long before closing somebody is warned of a limit that falls in closed time (R3).
BEFORE_CLOSING = timedelta(hours=1)
StepKind = Literal["warned", "breached", "escalated"]
LIMIT = "limit"
TARGET = "target"


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which a clock was held up."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do at a time, unless the clock has stopped: its name, and who is told besides the owner."""

    name: str
    kind: StepKind
    at: datetime
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What was promised for one request."""

    in_hours: bool
    target: datetime | None
    limit: datetime
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Reckoning:
    """One policy's way to count, from one moment on."""

    calendar: Calendar
    zone: ZoneInfo
    started: datetime
    pauses: Sequence[Pause]

    def after(self, span: Span) -> datetime:
        """When the span is over, pauses left out."""
        return self.shifted(span.after(self.started, self.calendar, self.zone), business=span.is_business)

    def part(self, span: Span, percent: int) -> datetime:
        """When so much of the span is over."""
        end = span.after(self.started, self.calendar, self.zone)
        if not span.is_business:
            return self.shifted(self.started + (end - self.started) * percent / 100, business=False)
        working = self.calendar.working_time_between(self.started, end) * percent / 100
        return self.shifted(self.calendar.add_working_time(self.started, working), business=True)

    def shifted(self, at: datetime, *, business: bool, since: datetime | None = None) -> datetime:
        """A time as the pauses have moved it; with `since`, those that began at it or later."""
        for pause in self.pauses:
            if since is not None and pause.start < since:
                continue
            if pause.start >= at:
                break
            if business:
                at = self.calendar.add_working_time(at, self.calendar.working_time_between(pause.start, pause.end))
            else:
                at += pause.end - pause.start
        return at


def promise_for(policy: Policy, *, in_hours: bool) -> Promise:
    """What is promised to who comes within business hours, or outside them.

    Raises:
        ValueError: for a policy without a promise.
    """
    promise = policy.promise if in_hours else (policy.outside or policy.promise)
    if promise is None:
        raise ValueError(f"{policy.key} promises nothing")
    return promise


def terms_of(
    policy: Policy, calendar: Calendar, zone: ZoneInfo, started: datetime, pauses: Iterable[Pause] = ()
) -> Terms:
    """Everything that a policy makes of a request that was received at `started`, pauses in order.

    Raises:
        ValueError: for a policy without a promise.
    """
    in_hours = calendar.is_open(started)
    promise = promise_for(policy, in_hours=in_hours)
    count = Reckoning(calendar, zone, started, tuple(pauses))
    limit = count.after(promise.limit)
    target = count.after(promise.target) if promise.target else None
    steps = [Step(f"warn_{part}", "warned", count.part(promise.limit, part)) for part in policy.warn]
    if target is not None:
        steps.append(Step(TARGET, "warned", target))
    steps += _around_closing(calendar, started, limit)
    steps.append(Step(LIMIT, "breached", limit))
    for number, escalation in enumerate(policy.escalate, start=1):
        at = limit
        if escalation.after:
            # What was held up before the limit has moved that already.
            at = escalation.after.after(limit, calendar, zone)
            at = count.shifted(at, business=escalation.after.is_business, since=limit)
        steps.append(Step(f"escalate_{number}", "escalated", at, escalation.to))
    steps.sort(key=lambda step: (step.at, step.kind != "warned", step.kind == "escalated", step.name))
    return Terms(in_hours, target, limit, tuple(steps))


def _around_closing(calendar: Calendar, started: datetime, limit: datetime) -> Iterable[Step]:
    """Before closing and at the next opening, where the limit falls in between (R3)."""
    if calendar.is_open(limit):
        return
    closing = calendar.last_closing(limit)
    # What ends with the last open minute is no limit in closed time: it was warned of as any.
    if closing is None or closing == limit:
        return
    if closing > started:
        yield Step("before_closing", "warned", max(started, closing - BEFORE_CLOSING))
    yield Step("at_opening", "warned", calendar.next_opening(limit))
