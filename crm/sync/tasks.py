"""What beat asks of the doors of programs."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from crm.sync.idempotency import tidy_answers as tidy


@shared_task  # type: ignore[untyped-decorator]
def tidy_answers() -> None:
    """Remove the answers to requests with an Idempotency-Key that are a week old."""
    tidy(at=timezone.now())
