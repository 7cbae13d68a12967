"""The order in which changes can be followed without missing one.

A transaction's place in the feed (`pos`) is given after it has committed, by whoever is about to read. Numbers taken
inside the writing transactions would become visible out of order, and a follower past a higher one would never see a
lower one that commits late.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from crm.core.errors import Refused
from crm.history.models import Change, Transaction

# Any one number that no other lock of ours uses.
NUMBERING_LOCK = 0x706C756D62
# In a cursor in place of a change: the transaction was told to its end.
END = 2**63 - 1
# So many transactions are looked through for a page: of a kind of record that hardly changes there may be none in them.
SPAN = 20_000

# Per-record order needs the *last* change id of each transaction: it is drawn while the row's lock is held.
NUMBER = """
    WITH late AS (
        SELECT t.id, row_number() OVER (ORDER BY (SELECT max(c.id) FROM history_change c WHERE c.transaction_id = t.id),
                                        t.id) AS n
        FROM history_transaction t WHERE t.pos IS NULL)
    UPDATE history_transaction t
    SET pos = late.n + (SELECT COALESCE(max(pos), 0) FROM history_transaction)
    FROM late WHERE late.id = t.id
"""
# What a cursor has to be judged by: the token at its place; the last place; the end of this stretch; and when the first
# transaction was recorded that was not told to its end.
STAND = """
    WITH last AS (SELECT COALESCE(max(pos), 0) AS pos FROM history_transaction),
    untold AS (
        SELECT t.pos, t.recorded_at FROM history_transaction t
        WHERE t.pos >= %(pos)s AND (t.pos > %(pos)s OR EXISTS (
            SELECT FROM history_change c WHERE c.transaction_id = t.id AND c.id > %(change_id)s))
        ORDER BY t.pos LIMIT 1)
    SELECT (SELECT token FROM history_transaction WHERE pos = %(pos)s), last.pos, stretch.pos, stretch.token,
           (SELECT recorded_at FROM untold)
    FROM last LEFT JOIN LATERAL (
        SELECT pos, token FROM history_transaction
        WHERE pos <= LEAST(last.pos, COALESCE((SELECT pos FROM untold), 0) + %(span)s) ORDER BY pos DESC LIMIT 1
    ) stretch ON true
"""
# Transaction by transaction, until the page is full: joined as one, PostgreSQL goes through the whole log for a page as
# long as its statistics are of an import, whose transactions have thousands of changes.
CHANGES = """
    SELECT t.pos, t.id, t.token, t.recorded_at, t.actor_id, t.actor_name, t.via, t.reason, t.request,
           c.id, c.object, c.record_id, c.version, c.op, c.at, c.what
    FROM history_transaction t CROSS JOIN LATERAL (
        SELECT * FROM history_change c
        WHERE c.transaction_id = t.id AND (t.pos > %(pos)s OR c.id > %(change_id)s)
          AND (%(all)s OR c.object = ANY(%(objects)s))
        ORDER BY c.id LIMIT %(limit)s
    ) c
    WHERE t.pos BETWEEN %(pos)s AND %(upto)s
    ORDER BY t.pos, c.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a follower has read. `token` is of the transaction at `pos`: a restored backup has another there."""

    pos: int = 0
    change_id: int = 0
    token: UUID | None = None


class Row(NamedTuple):
    """One change with its transaction, as the log has them; decimals in `what` are exact."""

    pos: int
    transaction_id: int
    token: UUID
    recorded_at: datetime
    actor_id: int | None
    actor_name: str
    via: str
    reason: str
    request: str
    change_id: int
    object: str
    record_id: int
    version: int
    op: str
    at: datetime
    what: Any


@dataclass(frozen=True, slots=True)
class Stretch:
    """The next changes, in order; the cursor after them; whether there is more to read at once."""

    rows: list[Row]
    cursor: Cursor
    more: bool


def number_transactions() -> int:
    """Give every committed transaction without one its place in the feed; returns how many.

    Raises:
        RuntimeError: inside a transaction, whose snapshot might be older than the lock, and which would keep it.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        # A statement of its own: the UPDATE after it takes its snapshot when the lock is held.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [NUMBERING_LOCK])
        cursor.execute(NUMBER)
        return int(cursor.rowcount)


def latest() -> Cursor:
    """The cursor after everything that has a place: in a snapshot, all of that is in it."""
    last = Transaction.objects.filter(pos__isnull=False).order_by("-pos").values_list("pos", "token").first()
    return Cursor(last[0] or 0, END, last[1]) if last else Cursor()


def next_changes(
    after: Cursor, *, limit: int, objects: Sequence[str] | None = None, since: datetime | None = None
) -> Stretch:
    """The changes after a cursor that have their place: of all records, or of `objects`, as the log names them.

    The cursor passes by what is of other objects, so that it does not grow old where nothing happens.

    Raises:
        Refused: `gone` for a cursor of another history (a restored backup), `expired` when what comes next in the feed
            was recorded before `since`: both begin anew, from a snapshot.
    """
    with connection.cursor() as cursor:
        cursor.execute(STAND, {"pos": after.pos, "change_id": after.change_id, "span": SPAN})
        token, last, upto, upto_token, untold_since = cursor.fetchone()
        if after.token is not None and token != after.token:
            raise Refused("gone", "This cursor is of another history: start again from a snapshot.")
        if since is not None and untold_since is not None and untold_since < since:
            raise Refused("expired", "What comes next after this cursor is not told any more: start from a snapshot.")
        if untold_since is None:
            return Stretch([], after, False)
        place = {"pos": after.pos, "change_id": after.change_id, "upto": upto}
        cursor.execute(CHANGES, {**place, "all": objects is None, "objects": list(objects or ()), "limit": limit + 1})
        found = cursor.fetchall()
    rows = [Row._make((*one[:-1], _exact(one[-1]))) for one in found[:limit]]
    if len(found) <= limit:
        return Stretch(rows, Cursor(upto, END, upto_token), upto < last)
    end = rows[-1]
    # Told to its end, unless the next change is of the same transaction.
    return Stretch(rows, Cursor(end.pos, end.change_id if found[limit][0] == end.pos else END, end.token), True)


def _exact(what: Any) -> Any:
    # Django leaves JSON as text.
    return json.loads(what, parse_float=Decimal) if isinstance(what, str) else what


def read_feed(after: Cursor, *, limit: int = 1000) -> tuple[list[Change], Cursor]:
    """The next changes after a cursor, in order, and the cursor after them; it stays where it is where nothing is new.

    Raises:
        Refused: `gone` when the cursor is of another history (a restored backup): start again from a snapshot.
        RuntimeError: inside a transaction.
    """
    number_transactions()
    stretch = next_changes(after, limit=limit)
    while stretch.more and not stretch.rows:
        stretch = next_changes(stretch.cursor, limit=limit)
    return [_change(row) for row in stretch.rows], stretch.cursor


def _change(row: Row) -> Change:
    made = Transaction(
        id=row.transaction_id,
        pos=row.pos,
        token=row.token,
        recorded_at=row.recorded_at,
        actor_id=row.actor_id,
        actor_name=row.actor_name,
        via=row.via,
        reason=row.reason,
        request=row.request,
    )
    return Change(
        id=row.change_id,
        transaction=made,
        object=row.object,
        record_id=row.record_id,
        version=row.version,
        op=row.op,
        at=row.at,
        what=row.what,
    )
