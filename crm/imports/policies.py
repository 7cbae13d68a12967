"""Who may bring records in, and mend what was held back."""

from __future__ import annotations

from django.db import models

from crm.core.permissions import policy
from crm.imports.models import HeldRow, ImportRun
from crm.people.models import User


@policy(ImportRun)
def import_runs(user: User, verb: str, record: models.Model | None) -> bool:
    """Managers and administrators read reports."""
    return verb == "view" and user.is_manager


@policy(HeldRow)
def held_rows(user: User, verb: str, record: models.Model | None) -> bool:
    """Managers and administrators mend and release; administrators undo the import that held them."""
    if verb == "undo":
        return user.is_administrator
    return verb in ("view", "change") and user.is_manager
