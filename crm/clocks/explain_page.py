"""The page that explains a clock: the due instant, a drawing of the time up to it, and the same as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from crm.clocks.explained import VERDICTS, Explained, Taken, explained
from crm.clocks.models import Clock, ClockEvent
from crm.clocks.timeline import draw
from crm.core.admin import moment, user_of
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.site import site

# Of a promise over months, the first so many stretches are listed.
MOST = 300
# A step that was written so much after its time was late: the sweep looks once a minute.
LATE = timedelta(minutes=2)
TONES = {"met": "good", "breached": "bad"}
KINDS = {"warned": "Warned", "breached": "Limit passed", "escalated": "Escalated"}
# What the handbook's names of people to tell are called.
TOLD = {"owner": "the owner", "manager": "the manager", "administrators": "the administrators"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: the first cell's time in each zone, the others as text."""

    times: Sequence[str]
    cells: Sequence[str]
    tone: str = ""


@site.page("clocks/clock/<int:pk>/explain/", "clocks_clock_explain")
@require_safe
def explain_clock(request: HttpRequest, pk: int) -> HttpResponse:
    """Everybody who may see clocks reads it."""
    if not may(user_of(request), "view", Clock):
        raise PermissionDenied
    at = moment(request)
    try:
        found = explained(pk, at=at)
    except Refused as refused:
        context = {"title": "Response time explained", "refused": refused.message}
        return TemplateResponse(request, "clocks/explain.html", {**site.each_context(request), **context}, status=409)
    if found is None:
        raise Http404
    return TemplateResponse(request, "clocks/explain.html", {**site.each_context(request), **context_of(found, at)})


def context_of(found: Explained, at: datetime) -> dict[str, Any]:
    """What the page shows."""
    zones = zones_of(found)
    clock, told = found.clock, found.explanation
    moments = [("received", told.started, "Received")]
    if told.target:
        moments.append(("target", told.target, "Target"))
    moments.append(("limit", told.limit, "Limit"))
    if clock.stopped_at:
        moments.append(("answered", clock.stopped_at, "Answered"))
    elif clock.voided_at is None:
        moments.append(("now", at, "Now"))
    # What lies far beyond the limit would squeeze all that led to it: it is said in words below.
    far = told.limit + max(told.limit - told.started, timedelta(hours=1)) / 2
    drawn = [(kind, when, title) for kind, when, title in moments if told.started <= when <= far]
    return {
        "title": "Response time explained",
        "found": found,
        "verdict": VERDICTS.get(found.verdict, found.verdict),
        "tone": TONES.get(found.verdict, ""),
        "policy": found.explanation.policy.label,
        "channel": found.book.label("enquiry.channels", clock.channel),
        "zones": [zone.key.replace("_", " ") for zone in zones],
        "facts": [(title, [said(when, zone) for zone in zones]) for _, when, title in moments if title != "Now"],
        "counted": length(told.counted),
        "uncounted": length(told.uncounted) if told.uncounted else "",
        "drawing": draw(told.parts, drawn, zones[0]),
        "has_closed": any(not part.counted and part.why != "held_up" for part in told.parts),
        "has_held": any(part.why == "held_up" for part in told.parts),
        "parts": [
            Row(
                [span(part.start, part.end, zone) for zone in zones],
                [part.label, length(part.length)],
                "held" if part.why == "held_up" else "counted" if part.counted else "closed",
            )
            for part in told.parts[:MOST]
        ],
        "left_out": max(len(told.parts) - MOST, 0),
        "steps": [
            Row([said(one.step.at, zone) for zone in zones], [named(one.step.name), who(one), state(one, clock)])
            for one in found.steps
        ],
        "events": list(_events(found.events, zones)),
    }


def zones_of(found: Explained) -> list[ZoneInfo]:
    """The reader's zone, and the company's where that is another."""
    reader = timezone.get_current_timezone()
    own = ZoneInfo(str(reader)) if not isinstance(reader, ZoneInfo) else reader
    hours = found.book.calendar(found.explanation.policy).zone
    return list({zone.key: zone for zone in (own, found.book.zone, hours)}.values())


def named(step: str) -> str:
    """A step in words: "warn_75" is "75% of the time"."""
    kind, _, number = step.partition("_")
    if kind == "warn":
        return f"Warning at {number}% of the time"
    words = {
        "target": "The target",
        "before_closing": "Warning before closing",
        "at_opening": "Warning at the next opening",
        "limit": "The limit",
    }
    return words.get(step, f"Escalation {number}")


def who(one: Taken) -> str:
    """Who is told besides the owner."""
    return ", ".join(TOLD.get(name, name) for name in one.step.to)


def state(one: Taken, clock: Clock) -> str:
    """Whether a step was taken."""
    event = one.event
    if event is None or event.at != one.step.at:
        ended = clock.stopped_at or clock.voided_at
        return "" if ended is None else "Not needed"
    late = event.recorded_at - event.at
    return f"Done, {length(late)} late" if late > LATE else "Done"


def _events(events: Sequence[ClockEvent], zones: Sequence[ZoneInfo]) -> Iterator[Row]:
    for event in events:
        what = f"{event.get_kind_display()}: {named(event.step)}" if event.step else event.get_kind_display()
        by = str(event.by) if event.by is not None else ""
        yield Row([said(event.at, zone) for zone in zones], [what, by, event.reason])


def said(at: datetime, zone: ZoneInfo) -> str:
    """A time as "Wed, Nov 25, 2026, 15:30"."""
    local = at.astimezone(zone)
    return f"{local:%a, %b} {local.day}, {local.year}, {local:%H:%M}"


def span(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """From when to when; the day is said once, and the offset where it changes in between."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    moved = first.utcoffset() != last.utcoffset()
    one, other = (f" {first:%Z}", f" {last:%Z}") if moved else ("", "")
    day = "" if first.date() == last.date() else f"{last:%a, %b} {last.day}, "
    return f"{first:%a, %b} {first.day}, {first:%H:%M}{one} – {day}{last:%H:%M}{other}"


def length(time: timedelta) -> str:
    """A length as "26 h 5 min"."""
    minutes, seconds = divmod(int(time.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    words = [(hours, "h"), (minutes, "min"), (seconds if not hours and not minutes else 0, "s")]
    return " ".join(f"{number:,} {unit}" for number, unit in words if number) or "0 min"
