"""Whether this process can serve, and what beside it is not well.

Only a missing database or unapplied migrations make it unready. A stopped beat must not take the web servers out, so
everything else is told and left to whoever watches.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from datetime import datetime

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from crm.handbook.services import is_applied
from crm.jobs import broker, heartbeats
from crm.jobs.heartbeats import OK

SERVES = ("database", "migrations")
BROKER_SECONDS = 10  # how long the broker's answer is believed: asking one over the network takes a connection
_more: dict[str, Callable[[], str]] = {}


def reports(name: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """Have /readyz ask this function too, and say its answer under this name."""

    def register(check: Callable[[], str]) -> Callable[[], str]:
        _more[name] = check
        return check

    return register


def report(*, at: datetime) -> dict[str, str]:
    """One word or few for each part; `status` is ready, degraded or unavailable. No names, addresses or secrets."""
    parts: dict[str, str] = {}
    try:
        parts["database"] = check_database()
        parts["migrations"] = check_migrations()
        if parts["migrations"] == OK:
            parts |= {"broker": check_broker(), **heartbeats.judge(at=at), "handbook": check_handbook()}
            parts |= {name: check() for name, check in _more.items()}
    except DatabaseError:
        parts = {"database": "does not answer"}
    if any(parts.get(name) != OK for name in SERVES):
        return {"status": "unavailable", **parts}
    return {"status": "ready" if set(parts.values()) == {OK} else "degraded", **parts}


def check_database() -> str:
    """Whether it takes a statement."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return OK


def check_migrations() -> str:
    """Whether every migration of this code is applied: one short query, the files are read once."""
    applied = set(MigrationRecorder(connection).applied_migrations())
    missing = [
        name for name, replaced in known_migrations() if name not in applied and not (replaced and replaced <= applied)
    ]
    return OK if not missing else f"{len(missing)} not applied"


@functools.cache
def known_migrations() -> list[tuple[tuple[str, str], set[tuple[str, str]]]]:
    """The migrations of this code, each with those it stands for when it was squashed."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return [(name, set(migration.replaces)) for name, migration in loader.disk_migrations.items()]


def remembered(seconds: float) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """Believe an answer for some seconds."""

    def decorate(ask: Callable[[], str]) -> Callable[[], str]:
        last: list[tuple[float, str]] = []

        @functools.wraps(ask)
        def asking() -> str:
            if not last or time.monotonic() - last[-1][0] > seconds:
                last[:] = [(time.monotonic(), ask())]
            return last[-1][1]

        return asking

    return decorate


def check_broker() -> str:
    """Whether messages can be sent."""
    if broker.is_embedded(settings.CELERY_BROKER_URL):
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('pgmq.q_celery') IS NOT NULL")
            return OK if cursor.fetchone()[0] else "its queue is missing"
    return ask_broker()


@remembered(BROKER_SECONDS)
def ask_broker() -> str:
    """Connect to a broker that is a server of its own."""
    try:
        with current_app.connection_for_write(connect_timeout=1) as line:
            line.ensure_connection(max_retries=1, interval_start=0, timeout=2)
    except Exception:  # each transport raises errors of its own, and this must answer whatever is wrong
        return "does not answer"
    return OK


def check_handbook() -> str:
    """Whether this process works by the handbook in force."""
    return OK if is_applied() else "not the one in force: restart, or apply it with `manage.py handbook --apply`"
