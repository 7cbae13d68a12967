"""What others did to a record since somebody opened it: shown instead of overwriting it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models

from crm.core import later
from crm.core.display import names_of, shown
from crm.core.labels import field_label


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """One change by somebody else: who, when, and each field's (label, before, after) in words."""

    who: str
    at: datetime
    fields: tuple[tuple[str, str, str], ...]


def changes_after(record: models.Model, version: int) -> Sequence[Meanwhile]:
    """The changes that made a later version than this one, oldest first."""
    rows = [row for row in later.changes_after(record, version) if row.op == "U"]
    columns: dict[str, Any] = {str(field.column): field for field in record._meta.concrete_fields}
    names = names_of(
        (columns[column], value)
        for row in rows
        for column, pair in (row.what or {}).items()
        for value in pair
        if column in columns
    )
    return [
        Meanwhile(
            later.who_made(row, nobody="Somebody outside Plumb"),
            row.transaction.recorded_at,
            tuple(
                (field_label(columns[column]), shown(columns[column], old, names), shown(columns[column], new, names))
                for column, (old, new) in (row.what or {}).items()
                if column in columns
            ),
        )
        for row in rows
    ]
