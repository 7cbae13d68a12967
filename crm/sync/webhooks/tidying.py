"""Forgetting what was sent: messages are kept for 30 days, and those that still wait as long as they do."""

from __future__ import annotations

from datetime import datetime, timedelta

from crm.sync.models import WebhookMessage

KEPT = timedelta(days=30)
BATCH = 1000


def tidy_messages(*, at: datetime) -> int:
    """Remove messages that were made 30 days ago and do not wait any more, with their attempts; how many."""
    old = WebhookMessage.objects.filter(made_at__lt=at - KEPT).exclude(state=WebhookMessage.State.WAITING)
    removed = 0
    while ids := list(old.order_by("made_at").values_list("pk", flat=True)[:BATCH]):
        WebhookMessage.objects.filter(pk__in=ids).delete()
        removed += len(ids)
    return removed
