"""Rows into records: made, changed or deleted as one by one, and answered one by one, in one transaction.

What a row alone would be told it is told here: the resource's own view reads, judges and stores it. What is refused
leaves nothing behind and keeps no other row from being stored, unless all or nothing was asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crm.core.acting import acting, retry_deadlocks
from crm.core.api.writes import VIA
from crm.core.locks import hold
from crm.sync.bulk.asking import view_for
from crm.sync.bulk.finding import find_records
from crm.sync.bulk.rows import OPERATIONS, Row, RowResult, Unreadable, read_rows
from crm.sync.bulk.setwise import FEW, Sets
from crm.sync.bulk.singly import store_row

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet
    from crm.people.models import User

__all__ = ["OPERATIONS", "RowResult", "Unreadable", "write_rows"]
NOT_STORED = "Nothing of the batch was stored, because other rows of it were rejected."


class _Undone(Exception):
    """All or nothing was asked for, and it is nothing."""


@retry_deadlocks
def write_rows(
    view_class: type[RecordViewSet],
    rows: Sequence[Mapping[str, Any] | Unreadable],
    *,
    operation: str,
    system: str = "",
    all_or_nothing: bool = False,
    actor: User,
    scopes: Collection[str],
    at: datetime,
    first_index: int = 0,
) -> list[RowResult]:
    """Create, update, upsert or delete records of a followed resource; the answers come in the order of the rows.

    `operation` is one of OPERATIONS; `system` says whose ids `external_id` are; `scopes` are those of the key, of which
    placing a record in a status takes its own. The first row is number `first_index`. Runs inside a transaction of its
    own, or as a part of the caller's; a fault, or a database that does not answer, leaves nothing and is raised.
    """
    results: list[RowResult] = []
    read = read_rows(rows, operation=operation, system=system, first=first_index)
    view = view_for(view_class, actor=actor, scopes=scopes, at=at)
    try:
        with acting(actor=actor, via=VIA, at=at):
            view.hold_for([row.body for row in read if row.problem is None])
            _hold_ids(view, read, system)
            find_records(view, read, operation=operation, system=system)
            results = store_rows(view, read, operation=operation, system=system)
            if all_or_nothing and any(result.outcome == "rejected" for result in results):
                raise _Undone
    except _Undone:
        return [result if result.outcome == "rejected" else _undone(result) for result in results]
    return results


def store_rows(view: RecordViewSet, rows: Sequence[Row], *, operation: str, system: str) -> list[RowResult]:
    """Store them together where the resource says how, else one by one."""
    if view.many is None or len(rows) < FEW or (operation == "delete" and _refers_to_itself(view.model)):
        return [store_row(view, row, operation=operation, system=system) for row in rows]
    sets = Sets(view, operation=operation, system=system)
    return sets.delete(rows) if operation == "delete" else sets.store(rows)


def _refers_to_itself(kind: type[Any]) -> bool:
    """Whether one of its records may hold another: then it matters which is deleted first."""
    return any(field.related_model is kind for field in kind._meta.concrete_fields)


def _hold_ids(view: RecordViewSet, rows: Sequence[Row], system: str) -> None:
    """Two batches of one system might both find an id missing; its record does not exist yet, so is not locked."""
    if any(row.external_id for row in rows):
        hold(("upsert", f"{system}:{view.model._meta.model_name}"))


def _undone(result: RowResult) -> RowResult:
    known = result.id if result.outcome != "created" else None
    return RowResult(result.index, "unprocessed", known, result.external_id, code="not_stored", message=NOT_STORED)
