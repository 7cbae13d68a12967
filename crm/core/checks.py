"""System checks: what would be unsafe or could not work stops the start, and says what to do instead.

`manage.py check` shows them like Django's own. Web servers, worker and beat run no checks by themselves, so the
settings' ones are also asked when the app is loaded (`refuse_unsafe_start`), whatever process it is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connections

from crm.core.environment import CANNOT_START

SHORTEST_KEY = 50
FEWEST_CHARACTERS = 10  # different ones: "aaaa..." is no secret
OLDEST_POSTGRES = 150000
MAKE_KEY = """python -c "import secrets; print(secrets.token_urlsafe(50))\""""


@register(Tags.security)
def check_secret_key(**kwargs: Any) -> list[CheckMessage]:
    """core.E001: production signs sessions with a long key of its own."""
    try:
        key: str = settings.SECRET_KEY
    except ImproperlyConfigured:  # Django's way to say that it is empty
        key = ""
    if not settings.PRODUCTION or (len(key) >= SHORTEST_KEY and len(set(key)) >= FEWEST_CHARACTERS):
        return []
    what = "is too short" if key else "is missing"
    return [
        Error(
            f"SECRET_KEY {what}.",
            hint=f"In production set it to {SHORTEST_KEY} random characters or more; this makes one: {MAKE_KEY}",
            id="core.E001",
        )
    ]


@register(Tags.security)
def check_allowed_hosts(**kwargs: Any) -> list[CheckMessage]:
    """core.E002: links in mails and redirects are made with the host's name, so not any name will do."""
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    hint = "Name the hosts people use, as in ALLOWED_HOSTS=crm.example.com."
    return [Error("ALLOWED_HOSTS is “*”, which lets anybody choose the host in our links.", hint=hint, id="core.E002")]


@register(Tags.security)
def check_debug_is_local(**kwargs: Any) -> list[CheckMessage]:
    """core.E003: error pages with settings and data in them are for one's own machine."""
    if not settings.DEBUG or set(settings.ALLOWED_HOSTS) <= settings.LOOPBACK:
        return []
    hint = "Leave DEBUG out, or ALLOWED_HOSTS."
    return [Error("DEBUG is on while others than this machine are served.", hint=hint, id="core.E003")]


@register(Tags.security, deploy=True)
def check_broker(**kwargs: Any) -> list[CheckMessage]:
    """core.I001: the embedded broker is for demos and small installations."""
    if not settings.CELERY_BROKER_URL.startswith("pgmq:"):
        return []
    hint = "Set CELERY_BROKER_URL to a Redis or RabbitMQ when many tasks are waiting."
    return [Info("Messages queue in the database.", hint=hint, id="core.I001")]


@register(Tags.staticfiles, deploy=True)
def check_static_files(**kwargs: Any) -> list[CheckMessage]:
    """core.I002: in production pages name collected files, and cannot be shown before they are."""
    if not settings.PRODUCTION or (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
        return []
    hint = "Run `manage.py collectstatic --noinput` after each installation."
    return [Info("Static files are not collected.", hint=hint, id="core.I002")]


@register(Tags.database)
def check_database(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """core.E004-E007: a PostgreSQL new enough, in UTF-8, that knows capitals beyond ASCII."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        found += check_server(alias)
    return found


def check_server(alias: str) -> list[CheckMessage]:
    """The same for one connection. `migrate` asks before it changes anything."""
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
                " pg_encoding_to_char(encoding), datcollate FROM pg_database WHERE datname = current_database()"
            )
            number, version, encoding, collation = cursor.fetchone()
            cursor.execute("SELECT lower('Ü') = 'ü'" if encoding == "UTF8" else "SELECT true")
            folds = cursor.fetchone()[0]
    except OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        return [Error(f"The database does not answer: {reason}", hint="Is DATABASE_URL right?", id="core.E004")]
    return judge_server(number, version, encoding, collation, folds=folds)


def judge_server(number: int, version: str, encoding: str, collation: str, *, folds: bool) -> list[CheckMessage]:
    """What is wrong with a server that says this of itself."""
    found: list[CheckMessage] = []
    if number < OLDEST_POSTGRES:
        found.append(
            Error(f"PostgreSQL {version} is too old.", hint="Plumb needs PostgreSQL 15 or newer.", id="core.E005")
        )
    if encoding != "UTF8":
        hint = "Make it with CREATE DATABASE plumb ENCODING 'UTF8' TEMPLATE template0."
        found.append(Error(f"The database's encoding is {encoding}, not UTF8.", hint=hint, id="core.E006"))
    if not folds:
        hint = "Make it with CREATE DATABASE plumb LOCALE 'C.UTF-8' TEMPLATE template0: names are matched by lower()."
        found.append(
            Error(f"The database's collation {collation} has no lower case for “Ü”.", hint=hint, id="core.E007")
        )
    return found


def refuse_unsafe_start() -> None:
    """End the process with what is wrong, one line each, when the settings are not safe to start with."""
    errors = [*check_secret_key(), *check_allowed_hosts(), *check_debug_is_local()]
    if not errors:
        return
    for error in errors:
        sys.stderr.write(f"Plumb does not start: {error.msg} {error.hint} ({error.id})\n")
    raise SystemExit(CANNOT_START)
