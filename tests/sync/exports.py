"""Exports as tests take them: whole, or piece by piece."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection

from crm.jobs.models import Job
from tests.keys import Program


def read(answer: Any) -> tuple[list[Any], Any]:
    """The records of an answer in NDJSON, and its last line."""
    assert answer.status_code == 200, answer.getvalue()
    *records, end = [json.loads(line) for line in answer.getvalue().splitlines()]
    return records, end


def listed(ask: Program, address: str) -> list[Any]:
    """What the list answers, by id."""
    return list(ask("get", address).json()["results"])


def by_id(records: list[Any]) -> list[Any]:
    """An export is in no order."""
    return sorted(records, key=lambda one: one["id"])


def exports() -> list[Job]:
    """What is on record, the first one first."""
    return list(Job.objects.filter(kind="api.export").order_by("pk"))


def copying() -> list[int]:
    """The sessions of this database that write an export."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND state = 'active' AND query LIKE 'COPY (%'"
        )
        return [pid for (pid,) in cursor.fetchall()]


def wait_for(true: Callable[[], Any]) -> None:
    """Until it is so."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def begin(ask: Program, address: str) -> tuple[Any, bytes, Iterator[bytes]]:
    """An answer, its first record, and the rest, which nobody has asked for yet."""
    answer = ask("get", address)
    assert answer.status_code == 200, answer.getvalue()
    pieces = iter(answer.streaming_content)
    first = next(piece for piece in pieces if piece)
    return answer, first, pieces
