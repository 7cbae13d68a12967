"""What happened to clocks so far, as far as their next steps depend on it: pauses, steps taken, the round that runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Case, F, When

from crm.clocks.models import ClockEvent
from crm.clocks.terms import Pause, Step
from crm.core.among import among

Kind = ClockEvent.Kind
# After these the times are others, and the steps begin anew.
OPENING = (Kind.RESUMED, Kind.RECALCULATED, Kind.REOPENED)
# What ends a pause besides going on.
ENDING = (Kind.RESUMED, Kind.STOPPED, Kind.VOIDED)
LOOKED_AT = (*OPENING, Kind.PAUSED, Kind.STOPPED, Kind.VOIDED, Kind.WARNED, Kind.BREACHED, Kind.ESCALATED)


@dataclass(slots=True)
class History:
    """Of one clock: its pauses in order, without one that still lasts; each step's last round; since when it runs."""

    pauses: list[Pause] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)
    opened: datetime | None = None
    held_since: datetime | None = None

    def note(self, kind: str, step: str, round: int, at: datetime) -> None:
        """Add an event, in the order of their ids."""
        if step:
            self.taken[step] = max(round, self.taken.get(step, round))
        if kind == Kind.PAUSED:
            self.held_since = at
        elif kind in ENDING and self.held_since is not None:
            # A response that is logged late may lie before the pause.
            if at > self.held_since:
                self.pauses.append(Pause(self.held_since, at))
            self.held_since = None
        if kind in OPENING:
            self.opened = at

    def is_settled(self, step: Step, round: int) -> bool:
        """Whether the step needs nothing any more: taken in this round, or before it at a time that it still lies at or
        before: people are not told again of what was over when the times changed."""
        last = self.taken.get(step.name)
        if last is None:
            return False
        return last == round or (self.opened is not None and step.at <= self.opened)


def histories_of(ids: Sequence[int]) -> dict[int, History]:
    """The history of each of these clocks, in one query."""
    found = {pk: History() for pk in ids}
    # A step counts by its round, whenever it was taken.
    moment = Case(When(step="", then=F("at")))
    rows: Iterable[tuple[int, str, str, int, datetime]] = (
        ClockEvent.objects.filter(among("clock", ids), kind__in=LOOKED_AT)
        .order_by("id")
        .values_list("clock_id", "kind", "step", "round", moment)
    )
    for clock_id, kind, step, round, at in rows:
        found[clock_id].note(kind, step, round, at)
    return found
