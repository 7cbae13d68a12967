"""The task that sends what waits; beat sends it every few seconds, and a new message at once."""

from __future__ import annotations

from celery import shared_task

from crm.jobs import wake
from crm.notifications.delivering import deliver as deliver_messages
from crm.notifications.storing import TASK

TURN_SECONDS = 30


@shared_task  # type: ignore[untyped-decorator]
def deliver() -> None:
    """Send what is due for half a minute; when some is left, wake the next."""
    if deliver_messages(seconds=TURN_SECONDS):
        wake.send(TASK)
