"""The Celery application: worker and beat. Celery only wakes; what is to be done are rows."""

from __future__ import annotations

import logging.config
import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import beat_embedded_init, beat_init, setup_logging
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")

app = Celery("plumb")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


@setup_logging.connect
def log_as_django_does(**kwargs: Any) -> None:
    """Worker and beat write the same lines as the web servers; Celery would set up its own."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


@beat_init.connect
@beat_embedded_init.connect
def prepare_beat(**kwargs: Any) -> None:
    """Make the folder of beat's schedule file, and have beat note that it sends."""
    from crm.jobs.heartbeats import note_beats

    Path(app.conf.beat_schedule_filename).parent.mkdir(parents=True, exist_ok=True)
    note_beats()
