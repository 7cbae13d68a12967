"""Who may log and change touches, and who may lift a do not contact."""

from __future__ import annotations

from django.db import models

from crm.activities.models import Activity, NextTouch, SuppressedKey, Suppression, Task
from crm.core.permissions import may, policy
from crm.people.models import User


@policy(Activity)
def touches(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees and logs touches: the truth is never kept from the record. One's own may be mended."""
    if verb in ("view", "add", "add_notes"):
        return bool(user.rights)
    if verb not in ("change", "delete") or not user.rights:
        return False
    return record is None or user.is_manager or (isinstance(record, Activity) and record.by_id == user.pk)


@policy(NextTouch)
def next_touches(user: User, verb: str, record: models.Model | None) -> bool:
    """Who may change the lead may plan what is next with it."""
    if verb == "view":
        return bool(user.rights)
    if verb not in ("add", "change", "delete"):
        return False
    return may(user, "change", record.lead) if isinstance(record, NextTouch) else bool(user.rights)


@policy(Task)
def tasks(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees and makes tasks; whose it is, who made it, and managers change it."""
    if verb in ("view", "add"):
        return bool(user.rights)
    if verb not in ("change", "delete") or not user.rights:
        return False
    return not isinstance(record, Task) or user.is_manager or user.pk in (record.owner_id, record.made_by_id)


@policy(Suppression, SuppressedKey)
def suppressions(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees them and may add one: withdrawal is easy. Lifting takes a manager (D5); nobody edits."""
    if verb in ("view", "add"):
        return bool(user.rights)
    return verb == "lift" and user.is_manager
