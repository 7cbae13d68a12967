"""Locks on things that may not have a row yet."""

from __future__ import annotations

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
