"""Every opportunity as it was at a moment, read off its history; nothing is stored for it.

The row as it is now, or the last image of one that was deleted, with each later change taken back:

- What counts is when a change was true (`at`). Of changes told in another order the one written last has the last
  word: a record is as the newest version that was true at the moment left it.
- The stage is where its last move until then left it, moves that another system recorded among them. Before the first
  it is where that came from: empty, where nobody knows. An undone move was made, and is undone when it was undone.
- It was there from when it was made, here or in the system it came from, until it was deleted; also again, after it
  was brought back.
- Before it came here its fields are those it came with, but for changes of them that the other system kept.
- An account that was merged is the one that it is now.

`as_of` is SQL with the columns of `valued`, for statements that join it; `states` reads it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal

from django.db import connection

from crm.reviews.pipeline.valued import Statement, valued

# What is taken back, with its SQL type.
TAKEN_BACK = {
    "name": "text",
    "account_id": "bigint",
    "owner_id": "bigint",
    "type": "text",
    "amount": "numeric",
    "currency": "text",
    "close_on": "date",
    "stated_forecast": "text",
    "confidence": "integer",
    "next_step": "text",
    "next_step_due": "date",
}
# What another system calls a field, in rows of its history and in what else such a row says.
PRIOR = {"Amount": "amount", "CloseDate": "close_on", "CurrencyIsoCode": "currency", "Owner": "owner_id"}
# Parts that this and `as_of_each` have in common.
TOLD = """
        SELECT record_id, m.version, m.from_state, m.to_state,
               CASE WHEN m.verb = 'revert' THEN (
                        SELECT c.at FROM history_change c WHERE c.object = 'opportunity' AND c.record_id = m.record_id
                           AND c.version = m.version AND c.op <> 'D' LIMIT 1)
                    WHEN m.from_state = '' THEN GREATEST(m.at, b.at)
                    ELSE m.at END AS at
        FROM history_move m LEFT JOIN (
            SELECT record_id, max(at) AS at FROM history_move
            WHERE object = 'opportunity' AND version <= 0{asked} GROUP BY record_id
        ) b USING (record_id)
        WHERE m.object = 'opportunity'{asked}
"""
WORDS = """
        SELECT h.record_id, h.system, h.at, h.id, k.name, k.old, k.new
        FROM history_priorchange h{seen}
        CROSS JOIN LATERAL (
            SELECT h.field, h.old, h.new WHERE h.field = ANY(%({p}_prior)s)
            UNION ALL
            SELECT m.key, NULL, m.value FROM jsonb_each_text(h.more) m WHERE m.key = ANY(%({p}_prior)s)
        ) k (name, old, new)
        WHERE h.object = 'opportunity'
"""
BEFORE = """
        SELECT {moment_of}d.record_id, jsonb_object_agg(%({p}_names)s::jsonb ->> d.name, d.value) AS was
        FROM (
            SELECT {moment}s.record_id, s.name, CASE s.name
                       WHEN 'CloseDate' THEN jsonb_path_query_first(
                           to_jsonb(left(s.word, 10)), '$.datetime("YYYY-MM-DD")', '{{}}', true)
                       WHEN 'Owner' THEN to_jsonb(x.record_id)
                       WHEN 'Amount' THEN CASE WHEN s.word ~ '^-?[0-9]{{1,12}}([.][0-9]+)?$'
                                               THEN to_jsonb(round(s.word::numeric, 2)) END
                       ELSE CASE WHEN s.word ~ '^[A-Z]{{3}}$' THEN to_jsonb(s.word) END
                   END AS value, s.word
            FROM said s LEFT JOIN sync_externalid x
                ON s.name = 'Owner' AND x.object = 'user' AND x.system = s.system AND x.value = s.word
        ) d
        -- A word that says nothing to us leaves what it came with; an empty one was empty.
        WHERE d.value IS NOT NULL OR (d.word = '' AND d.name IN ('Amount', 'CloseDate', 'Owner'))
        GROUP BY {moment_of}d.record_id
"""
MERGED = """
        SELECT DISTINCT ON (id) id, survivor_id FROM (
            WITH RECURSIVE way (id, survivor_id, step) AS (
                SELECT merged_id, survivor_id, 0 FROM duplicates_tombstone
                WHERE object = 'account' AND survivor_object = 'account'
                UNION ALL
                SELECT w.id, t.survivor_id, w.step + 1 FROM way w JOIN duplicates_tombstone t
                    ON t.object = 'account' AND t.survivor_object = 'account' AND t.merged_id = w.survivor_id
                WHERE w.step < 100)
            SELECT * FROM way) w
        ORDER BY id, step DESC
"""
WAS = """
    WITH seen AS (
        SELECT record_id, max(id) FILTER (WHERE at <= %({p}_at)s) AS last, min(at) AS first,
               max(id) FILTER (WHERE at <= %({p}_at)s AND op = 'D') AS gone
        FROM history_change WHERE object = 'opportunity'{asked} GROUP BY record_id),
    -- Whatever was written after `last` was true later: that is said for the planner, which then reads few of them.
    -- How a record that was deleted after that ended: the values are taken back from there.
    ended AS (
        SELECT DISTINCT ON (c.record_id) c.record_id, c.id, c.what
        FROM history_change c JOIN seen s USING (record_id)
        WHERE c.object = 'opportunity' AND c.op = 'D' AND c.at > %({p}_at)s AND c.id > COALESCE(s.last, 0){asked}
        ORDER BY c.record_id, c.id),
    later AS (
        SELECT c.record_id, jsonb_object_agg(f.key, f.value -> 0 ORDER BY c.id DESC) AS was
        FROM history_change c JOIN seen s USING (record_id) LEFT JOIN ended e USING (record_id)
        CROSS JOIN LATERAL jsonb_each(c.what) f
        WHERE c.object = 'opportunity' AND c.op = 'U' AND c.at > %({p}_at)s AND c.id > COALESCE(s.last, 0){asked}
          AND (e.id IS NULL OR c.id < e.id) AND f.key = ANY(%({p}_columns)s)
        GROUP BY c.record_id),
    -- An undone move is undone when it was; the move that a record came with goes on with those from before.
    told AS ({told}),
    ends AS (
        SELECT record_id, min(at) AS first, min(version) AS came, max(version) FILTER (WHERE at <= %({p}_at)s) AS last
        FROM told GROUP BY record_id),
    placed AS (
        SELECT e.record_id, e.first, c.from_state AS came, m.to_state AS stage, m.at AS since
        FROM ends e JOIN told c ON c.record_id = e.record_id AND c.version = e.came
        LEFT JOIN told m ON m.record_id = e.record_id AND m.version = e.last),
    -- What another system kept, of those that were not here yet: what it last became, or what it first changed from.
    elsewhere AS ({words}),
    said AS (
        SELECT DISTINCT ON (record_id, name) record_id, system, name,
               CASE WHEN at <= %({p}_at)s THEN new ELSE old END AS word
        FROM elsewhere WHERE at <= %({p}_at)s OR old IS NOT NULL
        -- Newest first of those until then, oldest first of those after it.
        ORDER BY record_id, name, at > %({p}_at)s, CASE WHEN at <= %({p}_at)s THEN at END DESC, at,
                 CASE WHEN at <= %({p}_at)s THEN -id ELSE id END),
    before AS ({before}),
    base AS (
        SELECT o.id, {columns}, o.stage, o.created_at FROM contracts_opportunity o
        WHERE NOT EXISTS (SELECT FROM ended e WHERE e.record_id = o.id){asked_id}
        UNION ALL
        SELECT e.record_id, {columns}, o.stage, o.created_at
        FROM ended e CROSS JOIN LATERAL jsonb_to_record(e.what) AS o ({typed}, stage text, created_at timestamptz)),
    merged AS ({merged})
    SELECT w.id, w.name, COALESCE(a.survivor_id, w.account_id) AS account_id, w.owner_id, w.type, w.amount, w.currency,
           w.close_on, w.stated_forecast, w.confidence, w.next_step, w.next_step_due, w.stage, w.since, w.born
    FROM (
        SELECT b.id, {taken_back}, CASE WHEN p.record_id IS NULL THEN b.stage ELSE COALESCE(p.stage, p.came) END
               AS stage, p.since, LEAST(b.created_at, s.first, p.first) AS born
        FROM base b LEFT JOIN seen s ON s.record_id = b.id LEFT JOIN placed p ON p.record_id = b.id
        LEFT JOIN (
            SELECT record_id, COALESCE(l.was, '{{}}') || COALESCE(e.was, '{{}}') AS was
            FROM later l FULL JOIN before e USING (record_id)
        ) t ON t.record_id = b.id
        WHERE (s.gone IS NULL OR s.gone < s.last)
          AND (s.last IS NOT NULL OR LEAST(b.created_at, s.first, p.first) <= %({p}_at)s)
    ) w LEFT JOIN merged a ON a.id = w.account_id
"""
UNSEEN = " JOIN seen s ON s.record_id = h.record_id AND s.last IS NULL"
ASKED = " AND record_id = ANY(%({p}_ids)s)"
ASKED_ID = " AND o.id = ANY(%({p}_ids)s)"


@dataclass(frozen=True, slots=True)
class State:
    """An opportunity at a moment. `stage` is empty where no system knows it; `kind` is open, won, lost, or empty for a
    stage that the handbook does not have. `since` is when it came into the stage, `born` when it was made."""

    id: int
    name: str
    account_id: int
    owner_id: int | None
    type: str
    amount: Decimal | None
    currency: str
    close_on: date | None
    stated_forecast: str
    confidence: int | None
    next_step: str
    next_step_due: date | None
    stage: str
    since: datetime | None
    born: datetime
    kind: str
    probability: int | None
    category: str
    worth: Decimal | None
    weighted: Decimal | None


NAMES = tuple(one.name for one in fields(State))


def as_of(at: datetime, *, named: str = "at", ids: Sequence[int] | None = None) -> Statement:
    """SQL of every opportunity there was at a moment, closed ones too, with the columns of `State`, and its parameters.

    `named` begins the names of the parameters; `ids` are the only ones that are looked at, if they are given.
    """
    columns = {
        name: f"CASE WHEN t.was ? '{name}' THEN (t.was ->> '{name}')::{kind} ELSE b.{name} END AS {name}"
        for name, kind in TAKEN_BACK.items()
    }
    asked = "" if ids is None else ASKED.format(p=named)
    rows = WAS.format(
        p=named,
        told=TOLD.format(asked=asked),
        words=WORDS.format(p=named, seen=UNSEEN),
        before=BEFORE.format(p=named, moment="", moment_of=""),
        merged=MERGED,
        asked=asked,
        asked_id="" if ids is None else ASKED_ID.format(p=named),
        columns=", ".join(f"o.{name}" for name in TAKEN_BACK),
        typed=", ".join(f"{name} {kind}" for name, kind in TAKEN_BACK.items()),
        taken_back=", ".join(columns.values()),
    )
    statement, params = valued(rows, at, named=named)
    params |= {
        f"{named}_at": at,
        f"{named}_columns": list(TAKEN_BACK),
        f"{named}_prior": list(PRIOR),
        f"{named}_names": json.dumps(PRIOR),
    }
    return statement, params if ids is None else params | {f"{named}_ids": list(ids)}


def states(at: datetime, *, ids: Sequence[int] | None = None) -> dict[int, State]:
    """Every opportunity there was at a moment, by id; only these, if ids are given. One query."""
    statement, params = as_of(at, ids=ids)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(NAMES)} FROM ({statement}) one", params)
        return {row[0]: State(*row) for row in cursor}
