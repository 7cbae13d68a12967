"""Who may see and change ids elsewhere."""

from __future__ import annotations

from django.db import models

from crm.core.permissions import policy
from crm.people.models import User
from crm.sync.models import ExternalId


@policy(ExternalId)
def external_ids(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees them; imports write them."""
    return verb == "view" and bool(user.rights)
