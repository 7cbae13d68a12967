"""Transactions to undo, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from crm.core.acting import acting
from crm.history.models import Transaction
from crm.history.revert import Reverted, revert
from crm.people.models import User
from tests.factories import START


def newest() -> Transaction:
    """The transaction that wrote last."""
    return Transaction.objects.order_by("-pk")[0]


@contextmanager
def writing(actor: User, *, at: datetime = START, via: str = "test", reason: str = "") -> Iterator[None]:
    """One transaction of that person."""
    with acting(actor=actor, at=at, via=via, reason=reason):
        yield


def undo(transaction: Transaction | None = None, *, by: User, at: datetime, reason: str = "") -> Reverted:
    """Undo it, by default the newest."""
    return revert(transaction or newest(), actor=by, at=at, via="test", reason=reason)


def said(result: Reverted) -> list[tuple[str, str, str]]:
    """What became of each record: kind, outcome, code."""
    return [(row.object, row.outcome, row.code) for row in result.rows]


def row_of(record: Any) -> dict[str, Any]:
    """What is stored of it, its version and the time of its last change aside."""
    kind = type(record)
    found: dict[str, Any] = kind._base_manager.filter(pk=record.pk).values().get()
    return {name: found[name] for name in found if name not in ("version", "updated_at")}
