"""The tasks that beat sends for checkups."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from crm.checkups.due import start_due
from crm.checkups.running import mark_stopped
from crm.checkups.tidying import tidy_checkups


@shared_task  # type: ignore[untyped-decorator]
def run_checkups() -> None:
    """Start the monthly and the nightly run when they are due, and note which runs go no further."""
    at = timezone.now()
    mark_stopped(at=at)
    start_due(at=at)


@shared_task  # type: ignore[untyped-decorator]
def tidy() -> None:
    """Let go of old nightly figures, and of findings that are long gone."""
    tidy_checkups(at=timezone.now())
