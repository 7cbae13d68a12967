"""What beat asks of webhooks: make messages, send them, and forget the old ones."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from crm.jobs import wake
from crm.sync.webhooks.delivering import deliver as deliver_messages
from crm.sync.webhooks.dispatching import dispatch as make_messages
from crm.sync.webhooks.services import DELIVER, DISPATCH
from crm.sync.webhooks.tidying import tidy_messages

TURN_SECONDS = 20


@shared_task  # type: ignore[untyped-decorator]
def dispatch() -> None:
    """Make messages of what changed; when some is left, wake the next."""
    if make_messages(at=timezone.now()):
        wake.send(DISPATCH)


@shared_task  # type: ignore[untyped-decorator]
def deliver() -> None:
    """Send what is due for a while; when some is left, wake the next."""
    if deliver_messages(seconds=TURN_SECONDS):
        wake.send(DELIVER)


@shared_task  # type: ignore[untyped-decorator]
def tidy() -> None:
    """Forget messages that ended a month ago."""
    tidy_messages(at=timezone.now())
