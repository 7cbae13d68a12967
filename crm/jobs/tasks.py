"""The tasks that beat sends."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from crm.history.feed import number_transactions
from crm.jobs import heartbeats, tidying, wake, work

TURN = timedelta(seconds=30)  # no task takes longer: a worker that is told to stop ends soon


@shared_task  # type: ignore[untyped-decorator]
def heartbeat() -> None:
    """Note that a worker runs what beat sends."""
    heartbeats.note("worker", at=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def number_feed() -> None:
    """Give committed transactions their place in the feed, so that a reader seldom has many to number."""
    number_transactions()


@shared_task  # type: ignore[untyped-decorator]
def work_jobs() -> None:
    """Work jobs for half a minute; when some are left, wake the next."""
    if work.work_jobs(until=timezone.now() + TURN):
        wake.send()


@shared_task  # type: ignore[untyped-decorator]
def tidy_jobs() -> None:
    """Cancel what nobody answered, and remove the files of old exports."""
    at = timezone.now()
    tidying.cancel_unanswered(at=at)
    tidying.remove_old_files(at=at)
