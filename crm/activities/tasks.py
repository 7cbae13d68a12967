"""What runs beside the requests: telling managers of violations."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from crm.activities.violations import tell_managers
from crm.jobs import wake

TASK = "crm.activities.tasks.tell_violations"
SWEEPS = 20  # of five hundred each: well within the half minute that a task may take


@shared_task  # type: ignore[untyped-decorator]
def tell_violations() -> None:
    """Tell managers of what nobody was told yet."""
    for _ in range(SWEEPS):
        if not tell_managers(at=timezone.now()):
            return


def tell_on_commit() -> None:
    """Wake a worker once this transaction is committed."""
    wake.on_commit(TASK)
