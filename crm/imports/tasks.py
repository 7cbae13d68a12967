"""The task that beat sends for imports."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from crm.imports.runs import remove_old_uploads


@shared_task  # type: ignore[untyped-decorator]
def remove_uploads() -> None:
    """Remove the files of uploads that nobody went on with."""
    remove_old_uploads(at=timezone.now())
