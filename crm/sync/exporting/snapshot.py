"""One view of the whole database, on a connection of its own, and how far the feed of changes had come in it.

What committed is numbered first; the snapshot is taken after. So every transaction with a place up to the snapshot's
last one is in the snapshot, and what is in it without a place comes later in the feed: told twice, never passed over.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from crm.history.feed import END, Cursor, number_transactions

# How long the server may go on with a query whose reader is gone without a word.
NOTICED = "10s"
# A long answer is no statement that hangs: what limits the pages of people does not cut it.
AT_EASE = """
    SELECT set_config(name, '0', true) FROM pg_settings
    WHERE name IN ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout')
"""
LAST_PLACE = "SELECT pos, token FROM history_transaction WHERE pos IS NOT NULL ORDER BY pos DESC LIMIT 1"


class Snapshot:
    """A read-only transaction that sees what was committed when it began; `cursor` is where the feed goes on.

    `close` ends it, also in the middle of a query, which the server then gives up.
    """

    def __init__(self) -> None:
        number_transactions()
        # Not the request's: that one is asked meanwhile, and goes back clean whatever becomes of this one.
        wrapper = connections.create_connection(DEFAULT_DB_ALIAS)
        wrapper.connect()
        self._connection: Any = wrapper.connection
        try:
            self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            self._connection.execute(f"SET LOCAL client_connection_check_interval = '{NOTICED}'")
            self._connection.execute("SET LOCAL datestyle = 'ISO, YMD'")
            self._connection.execute(AT_EASE)
            last = self._connection.execute(LAST_PLACE).fetchone()
        except BaseException:
            self.close()
            raise
        self.cursor = Cursor(last[0], END, last[1]) if last else Cursor()

    def copy(self, query: str, params: Sequence[Any] = ()) -> Iterator[Any]:
        """What `COPY` writes, row by row, as bytes: nothing is held but the row that is read."""
        with self._connection.cursor() as cursor, cursor.copy(query, params or None) as rows:
            yield from rows

    def close(self) -> None:
        """End it; twice is as once."""
        if self._connection.closed:
            return
        if self._connection.info.transaction_status.name == "ACTIVE":
            # Else the server would find out at the next row it writes, and a sort writes none for long.
            with contextlib.suppress(Exception):
                self._connection.cancel_safe(timeout=2.0)
        with contextlib.suppress(Exception):
            self._connection.close()
