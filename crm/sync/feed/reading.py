"""A page of the feed as programs are told it: changes by transaction, in the names and values of the API.

`read_page` is what the address answers with and what webhooks are filled from. Its questions are as many for a page of
ten thousand changes as for one of ten: a few, and two for each kind of record.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from crm import handbook
from crm.core.api.representation import from_log, instant
from crm.core.api.resources import followed, object_of, resource_of
from crm.core.forwarding import where_all_went
from crm.history.feed import END, Cursor, Row, next_changes, number_transactions
from crm.history.models import Transaction
from crm.sync.feed.erasures import Ref, erasures
from crm.sync.feed.forgetting import ended, unchanged
from crm.sync.feed.images import Standing, images, standing

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet

    View = type[RecordViewSet]

LIMIT, MOST = 1000, 10_000
CREATED, UPDATED, DELETED, MERGED, ERASED = OPS = ("created", "updated", "deleted", "merged", "erased")


@dataclass(frozen=True, slots=True)
class Page:
    """Transactions with their changes, as JSON has them; the cursor after them; whether there is more now."""

    transactions: list[dict[str, Any]]
    cursor: Cursor
    more: bool

    @property
    def count(self) -> int:
        """How many changes."""
        return sum(len(one["changes"]) for one in self.transactions)


def read_page(
    objects: Collection[str], after: Cursor, limit: int = LIMIT, *, at: datetime, numbered: bool = False
) -> Page:
    """The next changes of these resources (`leads`) after a cursor: `limit` at most, and those of an erasure beside.

    `numbered`: the caller has given transactions their places (`number_transactions`), as it must before a transaction.

    Raises:
        Refused: `gone` or `expired`, as `next_changes`.
        RuntimeError: inside a transaction, unless `numbered`.
    """
    if not numbered:
        number_transactions()
    views = {object_of(view): view for name, view in followed().items() if name in objects}
    since = at - timedelta(days=handbook.current().sync.feed_days)
    stretch = next_changes(after, limit=limit, objects=sorted(views), since=since)
    erased = erasures(after.pos, stretch.cursor.pos) if stretch.cursor != after else {}
    teller = _Teller(views, stretch.rows, erased)
    transactions = {
        rows[0].pos: _transaction(rows[0], stretch.cursor, [teller.tell(row) for row in rows])
        for rows in (list(group) for _, group in groupby(stretch.rows, key=lambda row: row.pos))
    }
    _add_erased(transactions, erased, views, stretch.rows, after, stretch.cursor)
    return Page([transactions[pos] for pos in sorted(transactions)], stretch.cursor, stretch.more)


def _add_erased(
    transactions: dict[int, dict[str, Any]],
    erased: Mapping[int, set[Ref]],
    views: Mapping[str, View],
    rows: Sequence[Row],
    after: Cursor,
    end: Cursor,
) -> None:
    """What an erasing transaction blanked without a change of its own is told once the rest of it was."""
    whole = ended(erased, after, end)
    for number, some in unchanged(views, {number: erased[number] for number in whole}, rows).items():
        one = whole[number]
        into = transactions.setdefault(one.pos or 0, _transaction(one, end, []))
        into["changes"] += [{**told, "op": ERASED, "at": instant(one.recorded_at)} for told in some]


def _transaction(one: Row | Transaction, cursor: Cursor, changes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": one.transaction_id if isinstance(one, Row) else one.pk,
        "at": instant(one.recorded_at),
        "actor": {"id": one.actor_id, "name": one.actor_name} if one.actor_id else None,
        "via": one.via,
        "reason": one.reason,
        "request_id": one.request,
        "complete": one.pos != cursor.pos or cursor.change_id == END,
        "changes": changes,
    }


class _Teller:
    """Tells the changes of a page; what it needs to know of all of them, it has asked before."""

    def __init__(self, views: Mapping[str, View], rows: Sequence[Row], erased: Mapping[int, set[Ref]]) -> None:
        self.views = views
        self.erased = erased
        self.images: dict[int, dict[str, Any] | None] = {}
        self.standing: dict[tuple[str, int], Standing] = {}
        for name, view in views.items():
            mine = [row for row in rows if row.object == name]
            self.images |= images(view, [row for row in mine if self.op(row) in (CREATED, ERASED)])
            changed = standing(view, (row.record_id for row in mine if self.op(row) == UPDATED))
            self.standing |= {(name, pk): one for pk, one in changed.items()}
        self.survivors = where_all_went({(row.object, row.record_id) for row in rows if row.op == "D"})

    def op(self, row: Row) -> str:
        """What became of the record, as far as the log alone says."""
        if row.op == "D":
            return DELETED
        return ERASED if row.transaction_id in self.erased else CREATED if row.op == "I" else UPDATED

    def tell(self, row: Row) -> dict[str, Any]:
        """One change."""
        view, op = self.views[row.object], self.op(row)
        told: dict[str, Any] = {"object": view.resource, "id": row.record_id, "version": row.version, "op": op}
        told["at"] = instant(row.at)
        if op == UPDATED:
            told["updated_at"] = instant(self.changed_at(row))
            told["changed"] = changed(view, row.what or {})
        elif op in (CREATED, ERASED):
            told["record"] = self.images[row.change_id]
            if op == CREATED and told["record"] is None:
                # It went without a trace: nobody can hold it.
                del told["record"]
                told["op"] = DELETED
        elif survivor := self.survivor(row):
            told |= {"op": MERGED, "survivor": survivor}
        return told

    def changed_at(self, row: Row) -> datetime:
        """The record's time of change at this version: imports bring that of another system, which only the row has."""
        known = self.standing.get((row.object, row.record_id))
        return known.updated_at if known and known.version == row.version else row.at

    def survivor(self, row: Row) -> dict[str, Any] | None:
        """The record that a merged one is now."""
        went = self.survivors.get((row.object, row.record_id))
        if went is None:
            return None
        name, pk = went
        return {"object": resource_of(name), "id": pk}


def changed(view: View, what: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The fields of the API that differ, old and new; none for a change of what it does not tell."""
    found: dict[str, dict[str, Any]] = {}
    for column, (old, new) in what.items():
        for (name, before), (_, after) in zip(from_log(view, column, old), from_log(view, column, new), strict=True):
            if before != after:
                found[name] = {"old": before, "new": after}
    return found
