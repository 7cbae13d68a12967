"""The environment's values, read strictly: a wrong one stops the start with one sentence, never with a traceback."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn
from urllib.parse import unquote

import environ

env = environ.Env()
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")
DATABASE_SCHEMES = ("postgres", "postgresql", "pgsql")
# gunicorn stops when a worker ends with this status; with any other it would start the worker again, forever.
CANNOT_START = 3


def stop(sentence: str) -> NoReturn:
    """End the process with one sentence on standard error."""
    sys.stderr.write(f"Plumb does not start: {sentence}\n")
    raise SystemExit(CANNOT_START)


def flag(name: str, *, default: bool) -> bool:
    """Yes or no. A misspelt `DEBUG=ture` must not count as a decision."""
    value = env.str(name, default="")
    if name not in env.ENVIRON:
        return default
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE:
        return False
    stop(f"{name} is '{value}', but has to be 1 or 0.")


def one_of(name: str, allowed: Sequence[str], *, default: str) -> str:
    """One of a few words, whatever their case."""
    value = env.str(name, default="") or default
    if value.upper() not in allowed:
        stop(f"{name} is '{value}', but has to be one of {', '.join(allowed)}.")
    return value.upper()


def whole_number(name: str, *, default: int, least: int, most: int) -> int:
    """A number within limits."""
    value = env.str(name, default="").strip() or str(default)
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        stop(f"{name} is '{value}', but has to be a number from {least} to {most}.")
    return int(value)


def words(name: str, *, default: Sequence[str] = ()) -> list[str]:
    """Words between commas, blanks around them aside."""
    value = env.str(name, default="")
    return [word.strip() for word in value.split(",") if word.strip()] if value.strip() else list(default)


def database(name: str) -> dict[str, Any]:
    """Django's settings for a PostgreSQL address. It may hold a password, so what is wrong is said without it."""
    value = env.str(name)
    try:
        found = dict(env.db_url_config(value)) if value.split("://")[0] in DATABASE_SCHEMES else {}
    except ValueError:
        found = {}
    if not found.get("NAME"):
        stop(f"{name} has to be a PostgreSQL address, as in postgres://user:password@host:5432/plumb.")
    # libpq writes a socket's folder as a percent-encoded host: postgres://user@%2Fvar%2Frun%2Fpostgresql/plumb.
    return {**found, "HOST": unquote(found.get("HOST", ""))}


def broker(name: str, schemes: Sequence[str], *, default: str) -> str:
    """The address of a message broker; like the database's it may hold a password."""
    value = env.str(name, default="") or default
    if value.partition("://")[0] not in schemes or "://" not in value:
        stop(f"{name} has to be a broker's address, as in redis://host:6379/0 or amqp://user:password@host:5672//.")
    return value
