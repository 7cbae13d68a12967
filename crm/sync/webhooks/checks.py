"""A system check about webhooks that cannot tell what they should."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError

from crm.sync.models import Webhook
from crm.sync.webhooks.rules import wrong_filter


@register(Tags.database)
def check_webhooks(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """sync.E002: a webhook's filter is understood by no list any more, so that it will be paused."""
    if not databases:
        return []
    try:
        rows = list(Webhook.objects.filter(stopped_at=None))
    except DatabaseError:  # before the first migration
        return []
    return [
        Error(
            f"The webhook “{webhook.name}” cannot tell what passes its filter. {said}",
            hint="Change the filter on its page, or stop it.",
            id="sync.E002",
        )
        for webhook in rows
        if (said := wrong_filter(webhook.objects_told, webhook.filter))
    ]
