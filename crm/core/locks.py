"""Locks on things that may not have a row yet."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from django.db import connection, transaction


def hold(*keys: tuple[str, str]) -> None:
    """Hold each (kind, key) until the transaction ends; a second caller waits.

    Taken around every find-or-make ("email", "linkedin", "domain", "name"), where there is no row to lock. Sorted,
    so that two callers with the same keys cannot wait for each other; before any row lock (design: one order).

    Raises:
        TransactionManagementError: outside a transaction, where the lock would be gone at once.
    """
    wanted = sorted({(kind, key) for kind, key in keys if key})
    if not wanted:
        return
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("hold() needs a transaction: call it inside acting()")
    with connection.cursor() as cursor:
        for kind, key in wanted:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [f"{kind}:{key}"])


def hold_shared(*keys: tuple[str, str]) -> None:
    """As `hold`, with others who hold them shared: only `hold` of one of these keys waits for them, and they for it.

    Raises:
        TransactionManagementError: outside a transaction.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("hold_shared() needs a transaction: call it inside acting()")
    with connection.cursor() as cursor:
        for kind, key in sorted(set(keys)):
            cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 7))", [f"{kind}:{key}"])


# So many locks at most are taken for the keys of one kind of question, however many records it is about: a lock has a
# place in the server's memory, and there are only so many. Two keys in one bucket merely wait for each other.
BUCKETS = 128
SHARED = "pg_advisory_xact_lock_shared"
EXCLUSIVE = "pg_advisory_xact_lock"


def hold_buckets(space: int, keys: Iterable[str], *, shared: bool) -> None:
    """Hold the buckets that these keys fall into until the transaction ends; `space` keeps one use from another.

    Shared holds do not wait for each other, only for an exclusive one. For a question about many records whose answer
    must stand until the transaction ends: who asks holds shared, who would change the answer holds exclusively.
    In order, so that two callers cannot wait for each other; before any row lock.

    Raises:
        TransactionManagementError: outside a transaction, where the lock would be gone at once.
    """
    buckets = sorted({zlib.crc32(key.encode()) % BUCKETS for key in keys})
    if not buckets:
        return
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("hold_buckets() needs a transaction: call it inside acting()")
    with connection.cursor() as cursor:
        # Materialized: the planner may not call the function before the rows are in order.
        cursor.execute(
            "WITH wanted AS MATERIALIZED (SELECT b FROM unnest(%s::int[]) WITH ORDINALITY u(b, n) ORDER BY n)"
            f" SELECT {SHARED if shared else EXCLUSIVE}(%s, b) FROM wanted",
            [buckets, space],
        )
