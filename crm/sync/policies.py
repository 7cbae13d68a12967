"""Who may see and change ids elsewhere, and give keys to programs."""

from __future__ import annotations

from django.db import models

from crm.core.permissions import policy
from crm.people.models import User
from crm.sync.models import ApiKey, ExternalId, IdempotencyKey, KeyUse


@policy(ExternalId)
def external_ids(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees them; imports write them."""
    return verb == "view" and bool(user.rights)


@policy(ApiKey)
def api_keys(user: User, verb: str, record: models.Model | None) -> bool:
    """Administrators give and revoke keys; nobody deletes one: the change log names it."""
    return verb in ("view", "add", "change") and user.is_administrator


@policy(KeyUse)
def key_uses(user: User, verb: str, record: models.Model | None) -> bool:
    """Counted by the database; nobody edits them."""
    return verb == "view" and user.is_administrator


@policy(IdempotencyKey)
def idempotency_keys(user: User, verb: str, record: models.Model | None) -> bool:
    """They hold answers that were given to one program: the door alone reads them."""
    return False
