"""The Celery application: worker and beat. Celery only wakes; what is to be done are rows."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")

app = Celery("plumb")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
