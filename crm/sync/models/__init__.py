"""What lies between Plumb and other systems: ids of our records, keys of programs, bulk jobs and webhooks."""

from __future__ import annotations

from crm.sync.models.access import ApiKey, IdempotencyKey, KeyDay, KeyUse
from crm.sync.models.bulk import BulkJob, BulkKey, BulkPart
from crm.sync.models.ids import ExternalId
from crm.sync.models.webhooks import Webhook, WebhookAttempt, WebhookHost, WebhookMessage, WebhookQueue

__all__ = [
    "ApiKey",
    "BulkJob",
    "BulkKey",
    "BulkPart",
    "ExternalId",
    "IdempotencyKey",
    "KeyDay",
    "KeyUse",
    "Webhook",
    "WebhookAttempt",
    "WebhookHost",
    "WebhookMessage",
    "WebhookQueue",
]
