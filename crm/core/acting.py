"""Who is doing this, how, and when it was true: the frame around every domain call."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import structlog
from django.db import OperationalError, connection, transaction

from crm.core.text import tidy

if TYPE_CHECKING:
    from crm.people.models import User

P = ParamSpec("P")
T = TypeVar("T")
DEADLOCK = "40P01"
RETRIES = 2

_current: ContextVar[Acting | None] = ContextVar("acting", default=None)


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts, through which door (`admin`, `command`, `import`, `task`, `shell`, `api`), and when."""

    actor: User
    via: str
    at: datetime
    reason: str = ""


def current() -> Acting | None:
    """The frame this code runs in, if any."""
    return _current.get()


@contextmanager
def acting(*, actor: User, via: str, at: datetime, reason: str = "") -> Iterator[Acting]:
    """Run one domain call: one transaction, one row in the change log, one actor.

    Inside another `acting()` of the same actor it joins that one, so that services call each other freely; when a
    joined call fails, what it wrote is undone, and the outer one may go on.

    Raises:
        RuntimeError: inside another actor's frame; a change has one author.
    """
    outer = _current.get()
    if outer is not None:
        if outer.actor.pk != actor.pk:
            raise RuntimeError(f"{outer.actor} is acting already: a change has one author")
        with transaction.atomic():
            yield outer
        return
    frame = Acting(actor, via, at, tidy(reason))
    token = _current.set(frame)
    try:
        with transaction.atomic():
            _tell_database(frame)
            yield frame
            # Only matters inside a larger transaction (tests, scripts): what follows is not this actor's.
            if len(connection.savepoint_ids) > 0:
                _tell_database(None)
    finally:
        _current.reset(token)


@contextmanager
def apart() -> Iterator[None]:
    """Leave the frame: what runs once a transaction has committed is a domain call of its own."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def because(reason: str) -> Iterator[None]:
    """Give what is written inside a reason of its own in the change log: what was decided, and why.

    It has a row there by itself if the domain call wrote something before, or does after.
    """
    frame = _current.get()
    before = frame.reason if frame else ""
    if not reason or tidy(reason) == before:
        yield
        return
    _tell_reason(tidy(reason))
    yield
    # Not when it failed: whatever is rolled back takes the setting with it.
    _tell_reason(before)


def _tell_reason(reason: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('crm.reason', %s, true), set_config('crm.transaction', '', true)", [reason])


def _tell_database(frame: Acting | None) -> None:
    """Hand the frame to the triggers in settings that end with the transaction (pgbouncer-safe)."""
    request = structlog.contextvars.get_contextvars().get("request_id", "") if frame else ""
    values = (
        [str(frame.actor.pk or ""), str(frame.actor), frame.via, frame.reason, frame.at.isoformat(), str(request)]
        if frame
        else [""] * 6
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('crm.actor', %s, true), set_config('crm.actor_name', %s, true),"
            " set_config('crm.via', %s, true), set_config('crm.reason', %s, true),"
            " set_config('crm.at', %s, true), set_config('crm.request', %s, true),"
            " set_config('crm.transaction', '', true)",
            values,
        )


def retry_deadlocks(call: Callable[P, T]) -> Callable[P, T]:
    """Run the call again, twice at most, when PostgreSQL chose it as a deadlock's victim.

    Only as the outermost transaction: a part of a larger one cannot be repeated by itself.
    """

    @functools.wraps(call)
    def retrying(*args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(RETRIES + 1):
            try:
                return call(*args, **kwargs)
            except OperationalError as error:
                deadlock = getattr(error.__cause__, "sqlstate", "") == DEADLOCK
                if not deadlock or connection.in_atomic_block or attempt == RETRIES:
                    raise
                time.sleep(0.05 * (attempt + 1))
        raise AssertionError("unreachable")

    return retrying
