"""What the change log says was done to a record after a version: the one reader, whoever shows it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from django.db import models

if TYPE_CHECKING:
    from crm.history.models import Change, Transaction


class Later(NamedTuple):
    """One column over several changes: its value before the first, after the last, and who made the last."""

    before: Any
    after: Any
    transaction: Transaction


def changes_after(record: models.Model, version: int) -> list[Change]:
    """The changes of the record that made a later version than this one, oldest first, with their transactions."""
    log: Any = apps.get_model("history", "Change")
    return list(log.objects.of(record).after_version(version).select_related("transaction").order_by("id"))


def by_column(changes: Iterable[Change]) -> dict[str, Later]:
    """The updates among them, column by column."""
    found: dict[str, Later] = {}
    for change in changes:
        for column, (old, new) in (change.what or {}).items() if change.op == "U" else ():
            before = found[column].before if column in found else old
            found[column] = Later(before, new, change.transaction)
    return found


def who_made(change: Change, *, nobody: str) -> str:
    """Whose change it was; `nobody` is the word for what was written past Plumb."""
    return change.transaction.actor_name or nobody
