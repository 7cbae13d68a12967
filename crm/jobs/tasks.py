"""The tasks that beat sends."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from crm.history.feed import number_transactions
from crm.jobs import heartbeats


@shared_task  # type: ignore[untyped-decorator]
def heartbeat() -> None:
    """Note that a worker runs what beat sends."""
    heartbeats.note("worker", at=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def number_feed() -> None:
    """Give committed transactions their place in the feed, so that a reader seldom has many to number."""
    number_transactions()
