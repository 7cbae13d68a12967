"""What beat asks of the doors of programs."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from crm.sync.expiring import tell_expiring
from crm.sync.idempotency import tidy_answers as tidy
from crm.sync.jobs.tidying import remove_old_uploads
from crm.sync.usage import forget_days
from crm.sync.webhooks import tasks as webhook_tasks  # noqa: F401 - registers those of webhooks


@shared_task  # type: ignore[untyped-decorator]
def tidy_answers() -> None:
    """Remove the answers to requests with an Idempotency-Key that are a week old."""
    tidy(at=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def look_after_keys() -> None:
    """Tell of keys that end soon, and forget on which days of a year ago each asked how often."""
    at = timezone.now()
    tell_expiring(at=at)
    forget_days(at=at)


@shared_task  # type: ignore[untyped-decorator]
def tidy_bulk_jobs() -> None:
    """Remove what was uploaded in bulk two weeks ago, and the results of it."""
    remove_old_uploads(at=timezone.now())
