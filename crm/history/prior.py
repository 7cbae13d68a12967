"""The history of a record before it came here, in words: what another system recorded of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from crm.core.flow import Stateful
from crm.history.models import Move, PriorChange

if TYPE_CHECKING:
    from crm.history.selectors import Entry, Words

# What a row of a history says of itself and not of the record.
OF_THE_ROW = ("DataType", "SystemModstamp", "CreatedDate")


def prior_entries(record: models.Model, words: Words, limit: int, *, before: int | None = None) -> list[Entry]:
    """The newest `limit` entries of that time, those older than the entry `before`. Their ids are negative.

    One query; another two where there are any.
    """
    found = PriorChange.objects.of(record)
    if before is not None:
        last = PriorChange.objects.of(record).filter(pk=-before).first()
        if last is None:
            return []
        found = found.filter(Q(at__lt=last.at) | Q(at=last.at, pk__lt=last.pk))
    changes = list(found[:limit])
    if not changes:
        return []
    steps = Move.objects.of(record).made_before() if isinstance(record, Stateful) else Move.objects.none()
    moves = {step.at: step for step in steps.filter(at__gte=changes[-1].at, at__lte=changes[0].at)}
    return [_entry(change, moves.pop(change.at, None), words) for change in changes]


def _entry(change: PriorChange, move: Move | None, words: Words) -> Entry:
    """A change of the status as the move that it was; any other in its own words."""
    from crm.history.selectors import Entry, Line

    who, how = change.actor_name or "Somebody", f"in {change.system.capitalize()}"
    entry = Entry(-change.pk, "Changed", who, how, "", change.at, change.at)
    if move:
        entry.moved, entry.title = True, f"{words.state(move.from_state)} → {words.state(move.to_state)}"
    elif change.field:
        entry.lines = [Line(change.field, change.old, change.new)]
    if isinstance(change.more, dict):
        told = {
            name: value for name, value in change.more.items() if not name.endswith("Id") and name not in OF_THE_ROW
        }
        entry.facts = [Line(name, "", str(value)) for name, value in sorted(told.items())]
    return entry
