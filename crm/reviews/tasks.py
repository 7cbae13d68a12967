"""The task that beat sends for rituals."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from crm.reviews.rituals.reminding import remind


@shared_task  # type: ignore[untyped-decorator]
def remind_of_rituals() -> None:
    """Tell whose they are which rituals are due."""
    remind(at=timezone.now())
