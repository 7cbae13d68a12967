"""The task that beat sends for duplicates."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from crm.duplicates import nightly


@shared_task  # type: ignore[untyped-decorator]
def find_duplicates() -> None:
    """Start this night's search if nobody has."""
    nightly.find_nightly(at=timezone.now())
