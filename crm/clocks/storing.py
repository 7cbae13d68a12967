"""Writing many clocks and their events, in one statement each whatever their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from django.db import connection

from crm.clocks.models import Clock

# Two sweeps at once, or one that was killed after its commit: the second row of a step is none.
ADD = """
    INSERT INTO clocks_clockevent (clock_id, kind, step, round, at, recorded_at, reason, facts)
    SELECT clock_id, kind, step, round, at, COALESCE(recorded_at, statement_timestamp()), reason, facts
    FROM jsonb_to_recordset(%s) AS given (
        clock_id bigint, kind text, step text, round int, at timestamptz, recorded_at timestamptz, reason text,
        facts jsonb
    )
    ON CONFLICT (clock_id, step, round) WHERE NOT (step = '') DO NOTHING
    RETURNING clock_id, step
"""
# What a sweep changes of every clock, and what only other times change.
SWEPT = {"next_at": "timestamptz", "verdict_owner_id": "bigint", "verdict_team_id": "bigint"}
RENEWED = SWEPT | {
    "policy": "text",
    "handbook_id": "bigint",
    "in_hours": "boolean",
    "target_at": "timestamptz",
    "limit_at": "timestamptz",
    "round": "int",
}


@dataclass(frozen=True, slots=True)
class Event:
    """An event to be written; `recorded_at` is now where it is not given."""

    clock_id: int
    kind: str
    round: int
    at: datetime
    step: str = ""
    reason: str = ""
    recorded_at: datetime | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def add_events(events: Sequence[Event]) -> set[tuple[int, str]]:
    """Write events; clock and step of those that were not there."""
    if not events:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(ADD, [orjson.dumps(events).decode()])
        return set(cursor.fetchall())


def update_clocks(clocks: Sequence[Clock], columns: Mapping[str, str]) -> None:
    """Write these columns (`SWEPT`, `RENEWED`) of clocks that are locked."""
    if not clocks:
        return
    types = {"id": "bigint", **columns}
    given = ", ".join(f"{name} {kind}" for name, kind in types.items())
    sets = ", ".join(f"{name} = given.{name}" for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE clocks_clock SET {sets} FROM jsonb_to_recordset(%s) AS given ({given})"
            " WHERE clocks_clock.id = given.id",
            [orjson.dumps([{name: getattr(clock, name) for name in types} for clock in clocks]).decode()],
        )
