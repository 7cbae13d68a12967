"""The task that beat sends every minute, and a new enquiry at once."""

from __future__ import annotations

from celery import shared_task

from crm.clocks import sweeping
from crm.clocks.waking import SWEPT, TASK
from crm.handbook.services import is_applied
from crm.jobs import heartbeats, wake

TURN_SECONDS = 30


@shared_task  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Take the steps of clocks that are due for half a minute; when some are left, wake the next."""
    if sweeping.sweep(seconds=TURN_SECONDS):
        wake.send(TASK)
    if is_applied():
        heartbeats.note(SWEPT, at=sweeping.database_now())
