"""What others did to a record since somebody opened it: shown instead of overwriting it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import models

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
    log: Any = apps.get_model("history", "Change")
    rows = list(log.objects.of(record).after_version(version).select_related("transaction").order_by("id"))
    columns: dict[str, Any] = {str(field.column): field for field in record._meta.concrete_fields}
    names = names_of(
        (columns[column], value)
        for row in rows
        for column, pair in (row.what or {}).items()
        for value in pair
        if row.op == "U" and column in columns
    )
    return [
        Meanwhile(
            row.transaction.actor_name or "Somebody outside Plumb",
            row.transaction.recorded_at,
            tuple(
                (field_label(columns[column]), shown(columns[column], old, names), shown(columns[column], new, names))
                for column, (old, new) in (row.what or {}).items()
                if column in columns
            ),
        )
        for row in rows
        if row.op == "U"
    ]
