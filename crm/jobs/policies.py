"""Who may see jobs; heartbeats are shown by /readyz alone, and nobody edits them."""

from __future__ import annotations

from django.db import models

from crm.core.permissions import policy
from crm.jobs.models import Heartbeat, Job, JobSlice
from crm.people.models import User


@policy(Heartbeat)
def heartbeats(user: User, verb: str, record: models.Model | None) -> bool:
    """Administrators may look."""
    return verb == "view" and user.is_administrator


@policy(Job, JobSlice)
def jobs(user: User, verb: str, record: models.Model | None) -> bool:
    """Who asked for it sees, answers and cancels it; managers see everybody's."""
    if verb not in ("view", "change"):
        return False
    if isinstance(record, JobSlice):
        record = record.job
    return bool(user.rights) and (record is None or user.is_manager or getattr(record, "by_id", None) == user.pk)
