"""Places in the feed: where a webhook stands, and where a moment lies."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Min

from crm.history.feed import END, Cursor, latest
from crm.history.models import Transaction
from crm.sync.models import WebhookQueue


def stands(queue: WebhookQueue) -> Cursor:
    """How far a webhook was told."""
    return Cursor(queue.pos, queue.change_id, queue.token)


def move(queue: WebhookQueue, place: Cursor) -> None:
    """Let it go on from another place; inside the transaction that holds its row."""
    queue.pos, queue.change_id, queue.token = place.pos, place.change_id, place.token
    queue.save(update_fields=["pos", "change_id", "token"])


def before(since: datetime) -> Cursor:
    """Before the first transaction that was recorded at this moment or later; the end where there is none."""
    recorded = Transaction.objects.filter(recorded_at__gte=since, pos__isnull=False)
    first = recorded.aggregate(first=Min("pos"))["first"]
    if first is None:
        return latest()
    earlier = Transaction.objects.filter(pos__lt=first).order_by("-pos").values_list("pos", "token").first()
    return Cursor(earlier[0] or 0, END, earlier[1]) if earlier else Cursor()


def is_of_this_feed(place: Cursor) -> bool:
    """Whether the place is in this feed: in a restored backup another transaction stands there, or none."""
    if place.token is None:
        return place.pos == 0
    return Transaction.objects.filter(pos=place.pos, token=place.token).exists()
