"""Who may read the change log. Nobody writes it: triggers and the door do."""

from __future__ import annotations

from django.db import models

from crm.core.permissions import policy
from crm.history.models import Change, Move, PriorChange, Transaction
from crm.people.models import User


@policy(Transaction, Change, Move, PriorChange)
def change_log(user: User, verb: str, record: models.Model | None) -> bool:
    """Managers and administrators read the whole log; everybody sees a record's own on its page."""
    return verb == "view" and user.is_manager
