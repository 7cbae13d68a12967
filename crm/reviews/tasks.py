"""The tasks that beat sends: reminding of rituals, and keeping the week's forecast."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from crm.reviews.forecast.snapshots import take_snapshots
from crm.reviews.rituals.reminding import remind
from crm.reviews.summary.sending import send_due


@shared_task  # type: ignore[untyped-decorator]
def remind_of_rituals() -> None:
    """Tell whose they are which rituals are due."""
    remind(at=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def keep_forecast() -> None:
    """Keep what is forecast this week, unless it is kept already."""
    take_snapshots(at=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def send_summary() -> None:
    """Send the summary of the week to managers who have not got it, once it is due."""
    send_due(at=timezone.now())
