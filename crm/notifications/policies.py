"""Who may see what somebody was told."""

from __future__ import annotations

from django.db import models

from crm.core.permissions import policy
from crm.notifications.models import Delivery, Muted, Notification
from crm.people.models import User


@policy(Notification)
def notifications(user: User, verb: str, record: models.Model | None) -> bool:
    """One's own, to read and to put aside."""
    if verb not in ("view", "change") or not user.rights:
        return False
    return record is None or (isinstance(record, Notification) and record.to_id == user.pk)


@policy(Muted)
def muted(user: User, verb: str, record: models.Model | None) -> bool:
    """One's own, whoever works here."""
    if verb not in ("view", "change") or not user.rights or user.is_service:
        return False
    return record is None or (isinstance(record, Muted) and record.user_id == user.pk)


@policy(Delivery)
def deliveries(user: User, verb: str, record: models.Model | None) -> bool:
    """Administrators see what left and what did not, and have it tried again."""
    return verb in ("view", "change") and user.is_administrator
