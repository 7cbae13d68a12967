"""The order in which changes can be followed without missing one.

A transaction's place in the feed (`pos`) is given after it has committed, by whoever is about to read. Numbers taken
inside the writing transactions would become visible out of order, and a follower past a higher one would never see a
lower one that commits late.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from crm.core.errors import Refused
from crm.history.models import Change, Transaction

# Any one number that no other lock of ours uses.
NUMBERING_LOCK = 0x706C756D62

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


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a follower has read. `token` is of the transaction at `pos`: a restored backup has another there."""

    pos: int = 0
    change_id: int = 0
    token: UUID | None = None


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


def read_feed(after: Cursor, *, limit: int = 1000) -> tuple[list[Change], Cursor]:
    """The next changes after a cursor, in order, and the cursor after them.

    Raises:
        Refused: `gone` when the cursor is of another history (a restored backup): start again from a snapshot.
    """
    if after.token is not None and not Transaction.objects.filter(pos=after.pos, token=after.token).exists():
        raise Refused("gone", "This cursor is of another history: start again from a snapshot.")
    number_transactions()
    page = list(
        Change.objects.select_related("transaction")
        .extra(where=["(history_transaction.pos, history_change.id) > (%s, %s)"], params=[after.pos, after.change_id])
        .filter(transaction__pos__gte=after.pos)
        .order_by("transaction__pos", "id")[:limit]
    )
    if not page:
        return [], after
    last = page[-1]
    return page, Cursor(last.transaction.pos or 0, last.pk, last.transaction.token)
