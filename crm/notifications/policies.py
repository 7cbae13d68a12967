"""Who may see what somebody was told."""

from __future__ import annotations

from django.db import models

from crm.core.permissions import policy
from crm.notifications.models import Notification
from crm.people.models import User


@policy(Notification)
def notifications(user: User, verb: str, record: models.Model | None) -> bool:
    """One's own, to read and to put aside."""
    if verb not in ("view", "change") or not user.rights:
        return False
    return record is None or (isinstance(record, Notification) and record.to_id == user.pk)
