"""Writing many clocks and their events, in one statement each whatever their number."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from crm.clocks.models import Clock

# Two sweeps at once, or one that was killed after its commit: the second row of a step is none.
ADD = """
    INSERT INTO clocks_clockevent (clock_id, kind, step, round, at, recorded_at, reason, facts)
    SELECT clock_id, kind, step, round, at, COALESCE(recorded_at, statement_timestamp()), reason, facts::jsonb
    FROM unnest(
        %s::bigint[], %s::text[], %s::text[], %s::int[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[]
    ) AS given (clock_id, kind, step, round, at, recorded_at, reason, facts)
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
    columns: list[list[Any]] = [
        [one.clock_id for one in events],
        [one.kind for one in events],
        [one.step for one in events],
        [one.round for one in events],
        [one.at for one in events],
        [one.recorded_at for one in events],
        [one.reason for one in events],
        [json.dumps(one.facts) for one in events],
    ]
    with connection.cursor() as cursor:
        cursor.execute(ADD, columns)
        return set(cursor.fetchall())


def update_clocks(clocks: Sequence[Clock], columns: Mapping[str, str]) -> None:
    """Write these columns (`SWEPT`, `RENEWED`) of clocks that are locked."""
    if not clocks:
        return
    types = {"id": "bigint", **columns}
    given = ", ".join(f"%s::{kind}[]" for kind in types.values())
    sets = ", ".join(f"{name} = given.{name}" for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE clocks_clock SET {sets} FROM unnest({given}) AS given ({', '.join(types)})"
            " WHERE clocks_clock.id = given.id",
            [[getattr(clock, name) for clock in clocks] for name in types],
        )
