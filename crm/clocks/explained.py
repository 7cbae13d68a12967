"""A stored clock explained: its count, its verdict by the database's one definition, and everything that happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, F, Func, QuerySet
from django.db.models.functions import Now

from crm.clocks.explaining import Explanation, explain
from crm.clocks.histories import histories_of
from crm.clocks.models import Clock, ClockEvent
from crm.clocks.subjects import Subject, subjects_of
from crm.clocks.terms import Pause, Step
from crm.clocks.versions import handbook_of
from crm.core.errors import Refused
from crm.handbook.document import Handbook
from crm.handbook.problems import HandbookError

VERDICTS = {"open": "Open", "met": "Met", "breached": "Breached", "voided": "Voided"}


class Verdict(Func):
    """What `clock_verdict` says of a clock as of now, by the database's clock."""

    function = "clock_verdict"
    output_field = CharField()

    def __init__(self, prefix: str = "") -> None:
        names = ("limit_at", "paused_at", "stopped_at", "voided_at")
        super().__init__(*(F(f"{prefix}{name}") for name in names), Now())


def with_verdict(clocks: QuerySet[Clock]) -> QuerySet[Any]:
    """Clocks with `verdict` on each."""
    return clocks.annotate(verdict=Verdict())


@dataclass(frozen=True, slots=True)
class Taken:
    """A step of the promise and whether it was taken, by the events; `late` where it was written after its time."""

    step: Step
    event: ClockEvent | None


@dataclass(frozen=True, slots=True)
class Explained:
    """One clock with all that a reader needs to check it."""

    clock: Clock
    verdict: str
    book: Handbook
    explanation: Explanation
    steps: tuple[Taken, ...]
    events: Sequence[ClockEvent]
    subject: Subject | None


def explained(pk: int, *, at: datetime) -> Explained | None:
    """Explain a clock as of a moment; None where there is none. A fixed number of queries.

    Raises:
        Refused: `unreadable_handbook`, when it keeps a handbook that this Plumb cannot read any more.
    """
    clock: Any = (
        with_verdict(Clock.objects.select_related("handbook", "verdict_owner", "verdict_team")).filter(pk=pk).first()
    )
    if clock is None:
        return None
    try:
        book = handbook_of(clock.handbook_id)
        policy = book.policy(clock.policy)
    except (HandbookError, KeyError) as error:
        words = "This clock keeps a handbook that this version of Plumb cannot read any more."
        raise Refused("unreadable_handbook", words) from error
    pauses = list(histories_of([pk])[pk].pauses)
    held = Pause(clock.paused_at, at) if clock.paused_at is not None else None
    found = explain(book, policy, clock.started_at, pauses, held=held)
    events = list(ClockEvent.objects.filter(clock=pk).select_related("by").order_by("at", "id"))
    # A step may have been taken in several rounds: the last is of the times that hold now.
    taken = {event.step: event for event in sorted(events, key=lambda one: one.round) if event.step}
    steps = tuple(Taken(step, taken.get(step.name)) for step in found.steps)
    return Explained(clock, str(clock.verdict), book, found, steps, events, subjects_of([pk]).get(pk))
