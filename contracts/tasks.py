"""The task that beat sends for contracts."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from contracts.keeping import keep_contracts
from contracts.renewing import open_renewals


@shared_task  # type: ignore[untyped-decorator]
def keep() -> None:
    """Activate and end contracts by the company's calendar, and open the renewals of those that end soon."""
    at = timezone.now()
    keep_contracts(at=at)
    open_renewals(at=at)
