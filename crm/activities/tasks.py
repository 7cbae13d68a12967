"""What runs beside the requests: telling managers of violations."""

from __future__ import annotations

import structlog
from celery import current_app, shared_task
from django.db import transaction
from django.utils import timezone

from crm.activities.violations import tell_managers

TASK = "crm.activities.tasks.tell_violations"
SWEEPS = 20  # of five hundred each: well within the half minute that a task may take
log = structlog.get_logger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def tell_violations() -> None:
    """Tell managers of what nobody was told yet."""
    for _ in range(SWEEPS):
        if not tell_managers(at=timezone.now()):
            return


def tell_on_commit() -> None:
    """Wake a worker once this transaction is committed; the message may get lost: beat sends the same."""
    transaction.on_commit(_send)


def _send() -> None:
    try:
        current_app.send_task(TASK, retry=False)
    except Exception as error:  # each transport raises errors of its own
        log.warning("no_wake", error=type(error).__name__)
