"""Telling the workers that there is work. The message may get lost: beat sends the same every few seconds."""

from __future__ import annotations

from functools import partial

import structlog
from django.db import connection, transaction

TASK = "crm.jobs.tasks.work_jobs"
log = structlog.get_logger(__name__)


def on_commit(task: str = TASK) -> None:
    """Wake a worker, for jobs or for another task, once this transaction is committed; once, however often asked."""
    waked = (call for _, call, *_ in connection.run_on_commit)
    if not any(isinstance(call, partial) and call.func is send and call.args == (task,) for call in waked):
        transaction.on_commit(partial(send, task))


def send(task: str = TASK) -> None:
    """Wake a worker now. A broker that is away must not keep anybody from asking for work."""
    from crm.celery import app  # not `current_app`: a web process has made no other yet, and would get a bare one

    try:
        app.send_task(task, retry=False)
    except Exception as error:  # each transport raises errors of its own
        log.warning("no_wake", error=type(error).__name__)
