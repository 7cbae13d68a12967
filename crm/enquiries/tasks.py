"""The task that beat sends about enquiries."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from crm.enquiries.hooks.receiving import forget_received


@shared_task  # type: ignore[untyped-decorator]
def forget_messages() -> None:
    """Forget signed messages that nobody sends again."""
    forget_received(at=timezone.now())
