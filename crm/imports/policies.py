"""Who may bring records in, and mend what was held back."""

from __future__ import annotations

from django.db import models

from crm.core.permissions import policy
from crm.imports.models import HeldRow, ImportRun, ImportTemplate
from crm.people.models import User


@policy(ImportRun)
def import_runs(user: User, verb: str, record: models.Model | None) -> bool:
    """Managers and administrators read reports."""
    return verb == "view" and user.is_manager


@policy(ImportTemplate)
def templates(user: User, verb: str, record: models.Model | None) -> bool:
    """Managers and administrators bring files in, and keep how they are matched."""
    return verb in ("view", "add", "change", "delete") and user.is_manager


@policy(HeldRow)
def held_rows(user: User, verb: str, record: models.Model | None) -> bool:
    """Managers and administrators mend and release; administrators undo the import that held them."""
    if verb == "undo":
        # Who brought a CSV file in may undo it, with what it held.
        return user.is_administrator or (isinstance(record, HeldRow) and record.system == "csv" and user.is_manager)
    return verb in ("view", "change") and user.is_manager
