"""Heartbeats are shown by /readyz alone: nobody edits them."""

from __future__ import annotations

from django.db import models

from crm.core.permissions import policy
from crm.jobs.models import Heartbeat
from crm.people.models import User


@policy(Heartbeat)
def heartbeats(user: User, verb: str, record: models.Model | None) -> bool:
    """Administrators may look."""
    return verb == "view" and user.is_administrator
