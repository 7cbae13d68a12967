"""The Celery application: worker and beat. Celery only wakes; what is to be done are rows."""

from __future__ import annotations

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")

app = Celery("plumb")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


@setup_logging.connect  # type: ignore[untyped-decorator]
def log_as_django_does(**kwargs: Any) -> None:
    """Worker and beat write the same lines as the web servers; Celery would set up its own."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
