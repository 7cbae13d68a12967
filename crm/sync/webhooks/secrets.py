"""The secrets that messages to a webhook are signed with: made of the server's own and a salt, stored nowhere."""

from __future__ import annotations

from datetime import datetime

from crm.core.standard_webhooks import make_secret
from crm.sync.models import Webhook

PURPOSE = "crm.sync.webhook"


def secret_of(webhook: Webhook, salt: str) -> str:
    """The secret that goes with a salt."""
    return make_secret(PURPOSE, webhook.pk, salt)


def secrets_of(webhook: Webhook, *, at: datetime) -> list[str]:
    """Those in use: the present one, and the one before it until that ends."""
    return [secret_of(webhook, salt) for salt in webhook.salts(at)]
