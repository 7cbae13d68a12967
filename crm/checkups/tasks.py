"""The tasks that beat sends for checkups."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from crm.checkups.due import start_due
from crm.checkups.lapsing import reopen_lapsed
from crm.checkups.running import mark_stopped
from crm.checkups.tidying import tidy_checkups


@shared_task  # type: ignore[untyped-decorator]
def run_checkups() -> None:
    """Start the monthly and the nightly run when they are due, note which runs go no further, and open again what was
    accepted until a day that has passed."""
    at = timezone.now()
    mark_stopped(at=at)
    reopen_lapsed(at=at)
    start_due(at=at)


@shared_task  # type: ignore[untyped-decorator]
def tidy() -> None:
    """Let go of old nightly figures, and of findings that are long gone."""
    tidy_checkups(at=timezone.now())
