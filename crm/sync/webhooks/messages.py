"""What a message says: that something changed, and from where in the feed to read on. It names no one."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from crm.history.feed import Cursor
from crm.sync.feed.cursors import make_cursor
from crm.sync.models import Webhook, WebhookMessage
from crm.sync.webhooks.matching import Told

CHANGED, TEST = "records.changed", "test"
MOST_CHANGES = 100


def changed(webhook: Webhook, before: Cursor, pos: int, changes: Sequence[Told], *, at: datetime) -> WebhookMessage:
    """The unsaved message about some changes up to `pos`. Who follows the feed finds them all after `before`."""
    data = {
        "cursor": make_cursor(before, webhook.objects_told),
        "changes": [one.as_json() for one in changes],
        "count": len(changes),
    }
    return _message(webhook, CHANGED, data, at=at, pos=pos)


def test(webhook: Webhook, *, at: datetime) -> WebhookMessage:
    """The unsaved message that says nothing but that it came."""
    return _message(webhook, TEST, {"webhook": {"id": webhook.pk, "name": webhook.name}}, at=at, pos=0)


def _message(webhook: Webhook, event: str, data: dict[str, Any], *, at: datetime, pos: int) -> WebhookMessage:
    stamp = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    body = orjson.dumps({"type": event, "timestamp": stamp, "data": data}).decode()
    return WebhookMessage(
        webhook=webhook, message_id=f"msg_{uuid.uuid4().hex}", event=event, body=body, made_at=at, pos=pos
    )
