"""Structured logs: lines a person reads on a local machine, one JSON object a line in production.

They name people by their number only. Addresses that other people's code writes into its messages (a database's
"Key (email)=(...)", a search in a page's address) are taken out here, at the only way to the outside.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import structlog

EMAIL = re.compile(r"[\w.+%'-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
# Searches and filters carry names; a path carries ids.
QUERY = re.compile(r"^([A-Z]+ [^?\s]*)\?\S*")
# "Key (email_key)=(a@b.example) already exists.", "Failing row contains (...).": values of a row, of any length.
VALUES = re.compile(
    r"(\)=\(|row contains \().*?\)(?=\.(?:\n|$)| already exists| is not present| is still referenced| conflicts)",
    re.DOTALL,
)
OURS = ("crm", "leads", "accounts", "contracts", "celery", "django_structlog")


def without_people(logger: Any, name: str, event: dict[str, Any]) -> dict[str, Any]:
    """A processor: no e-mail address, no query string, no values of a database row, no browser."""
    event.pop("user_agent", None)
    return {key: _without_people(value) for key, value in event.items()}


def _without_people(value: Any) -> Any:
    if isinstance(value, str):
        return EMAIL.sub("[email]", VALUES.sub(r"\1...)", QUERY.sub(r"\1", value)))
    if isinstance(value, BaseException):
        return _without_people(f"{type(value).__name__}: {value}")
    if isinstance(value, Mapping):
        return {key: _without_people(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_people(part) for part in value]
    return value


def logging_config(*, json: bool, level: str) -> dict[str, Any]:
    """Configure structlog and return Django's `LOGGING` dictionary for it."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    # A traceback is text before anything is taken out of it: errors quote the values they fell over.
    last = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    without_people,
                    last,
                ],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            **{name: {"level": level} for name in OURS},
            # Django's own handlers would write errors once more, in another form, and mail them.
            "django": {"handlers": [], "level": "WARNING", "propagate": True},
            "django.server": {"handlers": ["console"], "level": level, "propagate": False},
            # One line for each request and task is enough; these would say it a second and a third time.
            "django.request": {"level": "CRITICAL"},
            "celery.beat": {"level": "WARNING"},
            # They tell the addresses they ask, which are secrets of the chat's rooms.
            "apprise": {"level": "CRITICAL"},
            "urllib3": {"level": "CRITICAL"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "django_structlog.celery": {"level": "WARNING"},
        },
    }
