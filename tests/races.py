"""Real threads on a real database, and the proof that they met."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from django.db import connection

T = TypeVar("T")
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'
"""


def in_thread(pool: ThreadPoolExecutor, call: Callable[[], T]) -> Future[T]:
    """Start the call in a thread with a database connection of its own, closed at the end."""

    def run() -> T:
        try:
            return call()
        finally:
            connection.close()

    return pool.submit(run)


def outcomes(futures: list[Future[Any]]) -> list[Any]:
    """What each call returned, or the exception it raised."""
    return [future.exception(timeout=30) or future.result() for future in futures]


@contextmanager
def second_connection() -> Iterator[psycopg.Connection[Any]]:
    """Another session on the test database, which commits when it is told to."""
    settings = connection.settings_dict
    parameters = {
        "dbname": settings["NAME"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
        "host": settings["HOST"],
        "port": settings["PORT"],
    }
    session = psycopg.connect(**{key: value for key, value in parameters.items() if value})
    try:
        yield session
    finally:
        session.close()


def waiting() -> int:
    """How many sessions of this database wait for a lock now."""
    with connection.cursor() as cursor:
        # Inside a transaction the view would answer with what it saw first.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(WAITING)
        return int(cursor.fetchone()[0])


def wait_until_blocked(count: int, seconds: float = 20) -> None:
    """Return when that many sessions wait for a lock: the proof that a race is on.

    Raises:
        AssertionError: when they do not in time; the test would prove nothing.
    """
    deadline = time.monotonic() + seconds
    while (seen := waiting()) < count:
        assert time.monotonic() < deadline, f"no race: {seen} of {count} sessions wait for a lock"
        time.sleep(0.01)


def race(*calls: Callable[[], Any], behind: str, values: tuple[Any, ...] = ()) -> list[Any]:
    """Run the calls at the same time: all of them wait behind the lock that `behind` takes, then all are let go.

    Returns each one's result or exception, in the order of the calls.
    """
    with ThreadPoolExecutor(len(calls)) as pool, second_connection() as gate:
        gate.execute(behind, values)
        futures = [in_thread(pool, call) for call in calls]
        try:
            wait_until_blocked(len(calls))
        finally:
            gate.rollback()
        return outcomes(futures)
