"""Who may see and change ids elsewhere, give keys to programs, and let other systems be told of changes."""

from __future__ import annotations

from django.db import models

from crm.core.permissions import policy
from crm.people.models import User
from crm.sync.models import (
    ApiKey,
    BulkJob,
    BulkKey,
    BulkPart,
    ExternalId,
    IdempotencyKey,
    KeyDay,
    KeyUse,
    Webhook,
    WebhookAttempt,
    WebhookHost,
    WebhookMessage,
    WebhookQueue,
)


@policy(ExternalId)
def external_ids(user: User, verb: str, record: models.Model | None) -> bool:
    """Everybody sees them; imports write them."""
    return verb == "view" and bool(user.rights)


@policy(ApiKey)
def api_keys(user: User, verb: str, record: models.Model | None) -> bool:
    """Administrators give and revoke keys; nobody deletes one: the change log names it."""
    return verb in ("view", "add", "change") and user.is_administrator


@policy(KeyUse, KeyDay)
def key_uses(user: User, verb: str, record: models.Model | None) -> bool:
    """Counted by the database; nobody edits them."""
    return verb == "view" and user.is_administrator


@policy(IdempotencyKey)
def idempotency_keys(user: User, verb: str, record: models.Model | None) -> bool:
    """They hold answers that were given to one program: the door alone reads them."""
    return False


@policy(BulkJob, BulkPart, BulkKey)
def bulk_jobs(user: User, verb: str, record: models.Model | None) -> bool:
    """Programs work them with their keys; administrators may look."""
    return verb == "view" and user.is_administrator


@policy(Webhook)
def webhooks(user: User, verb: str, record: models.Model | None) -> bool:
    """Administrators let other systems be told; nobody deletes one: the log of what was sent names it."""
    return verb in ("view", "add", "change") and user.is_administrator


@policy(WebhookHost)
def webhook_hosts(user: User, verb: str, record: models.Model | None) -> bool:
    """Administrators say where anything may be sent at all (L16)."""
    return verb in ("view", "add", "change", "delete") and user.is_administrator


@policy(WebhookQueue, WebhookMessage, WebhookAttempt)
def webhook_messages(user: User, verb: str, record: models.Model | None) -> bool:
    """What was sent and what came of it: administrators look, and have it sent again by its own door."""
    return verb == "view" and user.is_administrator
