"""The environment's values, read strictly: a wrong one stops the start with one sentence, never with a traceback."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from email.utils import parseaddr
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

import environ

env = environ.Env()
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")
DATABASE_SCHEMES = ("postgres", "postgresql", "pgsql")
MAIL_SCHEMES = ("smtp", "smtps", "smtp+tls", "smtp+ssl", "consolemail", "filemail")
MAIL_SECONDS = 20  # a mail server that does not answer by then is away
# A room of the chat and its address; a new pair begins where a blank or a comma is followed by one.
PAIR = re.compile(r"([a-z][a-z0-9_]*)=([a-z][a-z0-9+.-]*://[^\s]+)")
BETWEEN = re.compile(r"[,\s]+(?=[a-z][a-z0-9_]*=[a-z][a-z0-9+.-]*://)")
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


def public_address(name: str, *, default: str) -> str:
    """The address people reach this server by, without a path: what links in messages begin with."""
    value = str(env.str(name, default="").strip() or default).rstrip("/")
    try:
        parts = urlsplit(value)
        plain = bool(parts.hostname) and parts.port != 0 and not parts.username
    except ValueError:
        plain = False
    if not plain or parts.scheme not in ("http", "https") or parts.path or parts.query or parts.fragment:
        stop(f"{name} is '{value}', but has to be an address without a path, as in https://crm.example.com.")
    return value


def mail_server(name: str) -> dict[str, Any]:
    """Django's settings for a mail server's address; none when it is not set. It may hold a password."""
    value = env.str(name, default="").strip()
    if not value:
        return {}
    scheme, _, rest = value.partition("://")
    try:
        found = dict(env.email_url_config(value)) if scheme in MAIL_SCHEMES else {}
    except ValueError:
        found = {}
    if not found or (scheme.startswith("smtp") and not found["EMAIL_HOST"]) or (scheme == "filemail" and not rest):
        stop(f"{name} has to be a mail server's address, as in smtp+tls://user:password@mail.example.com:587.")
    found.pop("OPTIONS", None)
    ports = {"smtp": 25, "smtp+ssl": 465}
    found["EMAIL_PORT"] = found["EMAIL_PORT"] or ports.get(scheme, 587)
    return {**{key: "" if part is None else part for key, part in found.items()}, "EMAIL_TIMEOUT": MAIL_SECONDS}


def sender(name: str, *, needed: bool) -> str:
    """Whom mail comes from: an address, or a name with one."""
    value = str(env.str(name, default="")).strip()
    if not value and not needed:
        return "plumb@localhost"
    _, address = parseaddr(value)
    if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", address) or any(sign in value for sign in "\r\n"):
        stop(f"{name} has to say whom mail comes from, as in 'Plumb <plumb@example.com>', when EMAIL_URL is set.")
    return value


def rooms(name: str) -> dict[str, str]:
    """Rooms of the chat with their addresses, which are secrets: what is wrong is said without them."""
    value = env.str(name, default="").strip().strip(",").strip()
    found: dict[str, str] = {}
    for number, part in enumerate(BETWEEN.split(value) if value else [], start=1):
        pair = PAIR.fullmatch(part.strip().rstrip(","))
        if not pair or pair[1] in found:
            what = "names a room a second time" if pair else "is none"
            stop(
                f"{name} has to be pairs between commas, as in response_times=https://hooks.example.com/services/…;"
                f" pair {number} {what}."
            )
        found[pair[1]] = pair[2]
    return found
