"""A task that a worker can be killed in."""

from __future__ import annotations

import time

from celery import shared_task
from django.utils import timezone

from crm.jobs.heartbeats import note
from crm.jobs.models import Heartbeat


@shared_task  # type: ignore[untyped-decorator]
def hang_once() -> None:
    """The first run never ends; the second says that there was one."""
    if Heartbeat.objects.filter(part="first run").exists():
        note("second run", at=timezone.now())
        return
    note("first run", at=timezone.now())
    time.sleep(600)
