"""What the database refused, in the words of the constraint that refused it."""

from __future__ import annotations

import re
from typing import Any

from django.apps import apps
from django.db import IntegrityError, models
from django.db.models import ProtectedError, RestrictedError

from crm.core.constraints import field_of, named
from crm.core.holding import held_by

KEY = re.compile(r"Key \((\w+)\)=")
UNIQUE, FOREIGN_KEY = "23505", "23503"


def kind_of(table: str) -> type[models.Model] | None:
    """The model of a table."""
    return next((kind for kind in apps.get_models() if kind._meta.db_table == table), None)


class Broken(IntegrityError):
    """A rule of the table that a record would break, with what the rule says of it; nothing was written."""

    def __init__(self, kind: type[models.Model], rule: str, words: str) -> None:
        super().__init__(words)
        self.kind, self.rule, self.words = kind, rule, words


def columns_of(kind: type[models.Model]) -> list[str]:
    """The columns that are written."""
    return [field.name for field in kind._meta.concrete_fields if not isinstance(field, models.GeneratedField)]


def constraint_problem(error: IntegrityError) -> tuple[str, str, int]:
    """The column that a violated constraint is about (or nothing), its sentence, and the HTTP status it means.

    400 for a rule of the record itself, 409 for a conflict with other records.
    """
    if isinstance(error, ProtectedError | RestrictedError):
        held: Any = next(iter(error.args[1]), None) if len(error.args) > 1 else None
        return "", f"Other records refer to it, among them: {held}.", 409
    if isinstance(error, Broken):
        return field_of(error.kind, columns_of(error.kind), name=error.rule), error.words, 400
    diag: Any = getattr(error.__cause__, "diag", None)
    name, state = getattr(diag, "constraint_name", None) or "", getattr(diag, "sqlstate", None) or ""
    kind = kind_of(getattr(diag, "table_name", None) or "")
    if state == FOREIGN_KEY:
        found = KEY.search(getattr(diag, "message_detail", None) or "")
        column = found[1] if found else ""
        return column, "Something that it refers to, or that refers to it, came or went just now.", 409
    status = 409 if state == UNIQUE else 400
    constraint = named(kind, name) if kind else None
    if kind is None or constraint is None:
        said = name.replace("_", " ") or "a rule of the table"
        return "", f"The database refused this ({said}). Nothing was saved.", status
    return field_of(kind, columns_of(kind), name=name), str(constraint.violation_error_message), status


def holds(record: models.Model) -> list[str]:
    """What keeps a record from being deleted, in sentences."""
    return held_by(record) or ["Something came to refer to it just now."]
