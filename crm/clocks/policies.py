"""Who may see and hold clocks."""

from __future__ import annotations

from django.db import models

from crm.clocks.models import Clock, ClockEvent
from crm.core.permissions import policy
from crm.people.models import User


@policy(Clock, ClockEvent)
def clocks(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees them. Nobody edits one: it follows what happens to the request it belongs to."""
    return verb == "view" and bool(user.rights)
