"""The same move of many records, each with its own facts: one transaction, a verdict for each, as `move` gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crm.core.acting import acting, retry_deadlocks
from crm.core.door import Outcome, find_verb, move
from crm.core.errors import Refused
from crm.core.flow import Ask, Stateful

if TYPE_CHECKING:
    from crm.people.models import User


@dataclass(frozen=True, slots=True)
class Asked:
    """One record that is to be moved: its facts and reason, the version that was looked at, and since when it is so."""

    record_id: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    version: int | None = None
    at: datetime | None = None


@retry_deadlocks
def move_each(
    kind: type[Stateful], rows: Sequence[Asked], verb: str, *, actor: User, at: datetime, via: str
) -> list[Outcome]:
    """Make the move for each row; what is refused is undone by itself. The answers come in the order of the rows.

    Records are locked in the order of their ids, as at every door; each row names another record.
    """
    info = find_verb(kind, verb)
    ids = sorted({row.record_id for row in rows})
    found: dict[int, Outcome] = {}
    with acting(actor=actor, via=via, at=at):
        ask = Ask(actor, at, via)
        if too_many := kind.refuse_batch(len(ids), info, ask):
            return [Outcome(row.record_id, None, too_many) for row in rows]
        kind.take_holds(ids, info, ask)
        locked: Any = kind._base_manager.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk")
        records = {record.pk: record for record in locked}
        for row in sorted(rows, key=lambda row: row.record_id):
            found[row.record_id] = _one(records.get(row.record_id), row, verb, actor=actor, at=at, via=via)
    return [found[row.record_id] for row in rows]


def _one(record: Any, row: Asked, verb: str, *, actor: User, at: datetime, via: str) -> Outcome:
    if record is None:
        return Outcome(row.record_id, None, Refused("not_found", "There is no such record."))
    try:
        step = move(
            record,
            verb,
            row.facts,
            actor=actor,
            at=row.at or at,
            via=via,
            reason=row.reason,
            version=row.version,
        )
    except Refused as refused:
        return Outcome(row.record_id, None, refused)
    return Outcome(row.record_id, step, None)
