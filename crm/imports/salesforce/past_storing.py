"""Staged changes of a history into the database, and the moves that follow from them.

Every change is kept in its own words (`history_priorchange`). The moves of a record are worked out anew from all its
kept changes whenever one is added: files may come in any order and in pieces, two of them may tell of one change, and
a word that the handbook learns later is then read by it.
"""

from __future__ import annotations

from typing import Any, cast

from psycopg.types.json import Jsonb

from crm import handbook
from crm.core.flow import Stateful
from crm.imports.salesforce import SYSTEM
from crm.imports.salesforce.columns import Layout
from crm.imports.salesforce.kinds import Past
from crm.imports.salesforce.planning import CHANGED, FLAGS, PLAN, STAGED, TABLES, kept
from crm.people.models import User
from crm.sync.store import drop, frame, lock_records

STEPS, TOLD = "import_steps", "import_told"
SOMEBODY = "Somebody in Salesforce"
# A word of theirs stands in a history as it is, as long as a status may be.
LONGEST_STATE = 50


def store_past(cursor: Any, layout: Layout, past: Past) -> None:
    """Store the changes that are new, and bring the moves and times of their records up to them."""
    _make_plan(cursor, layout)
    _keep(cursor, layout)
    cursor.execute(f"SELECT 1 FROM {TOLD} LIMIT 1")
    if cursor.fetchone():
        # The order of locks; nobody moves a record while its history is written.
        lock_records(cursor, layout.kind.model, f"(SELECT record_id FROM {TOLD})")
        _work_out_moves(cursor, layout, past)
        _begin_where_it_began(cursor, layout)
        drop(cursor, STEPS)
    drop(cursor, TOLD)


def _make_plan(cursor: Any, layout: Layout) -> None:
    """Find the record and the author of each change, and whether it is here already."""
    kind = layout.kind
    by = 's."x_by"' if "x_by" in layout.at else "NULL"
    cursor.execute(
        f"""
        CREATE TEMP TABLE {PLAN} ON COMMIT DROP AS
        SELECT d.*, CASE WHEN d.hold IS NULL THEN d.target ELSE d.known END AS record_id
        FROM (SELECT s.n, s.external_id, h.id IS NULL AS is_new, h.record_id AS known, t.id AS target, u.id AS by,
                     CASE WHEN h.id IS NOT NULL THEN NULL WHEN x.seen ? 'erased' THEN 'erased'
                          WHEN s.hold_code IS NOT NULL THEN s.hold_code
                          WHEN t.id IS NULL THEN '{kind.object}_not_found' END AS hold
              FROM {STAGED} s
              LEFT JOIN sync_externalid x
                  ON x.object = '{kind.object}' AND x.system = '{SYSTEM}' AND x.value = s."x_target"
              LEFT JOIN {TABLES[kind.object]} t ON t.id = x.record_id
              LEFT JOIN history_priorchange h
                  ON h.system = '{SYSTEM}' AND h.source = '{kind.name}' AND h.external_id = s.external_id
                  AND h.record_id = COALESCE(t.id, h.record_id)
              LEFT JOIN sync_externalid y ON y.object = 'user' AND y.system = '{SYSTEM}' AND y.value = {by}
              LEFT JOIN {User._meta.db_table} u ON u.id = y.record_id
              ORDER BY s.n) d;
        CREATE TEMP TABLE {FLAGS} (n integer, code text, message text) ON COMMIT DROP;
        CREATE TEMP TABLE {CHANGED} (record_id bigint) ON COMMIT DROP;
        ANALYZE {PLAN}
        """
    )


def _keep(cursor: Any, layout: Layout) -> None:
    """Store the new changes; whose statuses they are about goes into a table."""
    kind = layout.kind
    # Those of a record that is gone give way: an import that was undone and made again has made another one.
    cursor.execute(
        f"SELECT set_config('crm.upkeep', 'on', true);"
        f"DELETE FROM history_priorchange h USING {PLAN} p WHERE p.is_new AND p.record_id IS NOT NULL"
        f" AND h.system = '{SYSTEM}' AND h.source = '{kind.name}' AND h.external_id = p.external_id;"
        f"SELECT set_config('crm.upkeep', '', true)"
    )
    cursor.execute(
        f"""
        INSERT INTO history_priorchange
            (object, record_id, system, source, external_id, at, field, old, new, actor_id, actor_name, more)
        SELECT '{kind.object}', p.record_id, '{SYSTEM}', '{kind.name}', s.external_id, s.at, s.field, s.old, s.new,
               u.id, COALESCE(NULLIF(btrim(u.first_name || ' ' || u.last_name), ''), u.email, ''), {kept(layout)}
        FROM {PLAN} p JOIN {STAGED} s USING (n) LEFT JOIN {User._meta.db_table} u ON u.id = p.by
        WHERE p.is_new AND p.record_id IS NOT NULL ORDER BY n
        """
    )
    past = cast(Past, kind.past)
    cursor.execute(
        f"CREATE TEMP TABLE {TOLD} ON COMMIT DROP AS"
        f" SELECT DISTINCT p.record_id FROM {PLAN} p JOIN {STAGED} s USING (n)"
        f" WHERE p.record_id IS NOT NULL AND s.field = %s AND (p.is_new OR {_put_back(layout)})",
        [past.field],
    )
    cursor.execute(f"ANALYZE {TOLD}; ANALYZE history_priorchange (object, record_id, at)")


def _put_back(layout: Layout) -> str:
    """SQL: whether a record is no longer in its status since its last move there, because an import was undone."""
    kind = layout.kind
    flow, moves = cast(type[Stateful], kind.model).FLOW, f"m.object = '{kind.object}' AND m.record_id = p.record_id"
    return (
        f"EXISTS (SELECT FROM history_move m JOIN {kind.model._meta.db_table} r ON r.id = m.record_id"
        f' WHERE {moves} AND m.version = 0 AND m.to_state = r."{flow}" AND m.at <> r."{flow}_since")'
        f" AND NOT EXISTS (SELECT FROM history_move m WHERE {moves} AND m.version > 1)"
    )


def _work_out_moves(cursor: Any, layout: Layout, past: Past) -> None:
    """Write the moves of these records that were made before they came here, numbered up to zero by their times."""
    kind = layout.kind
    words = {word.lower(): ours for word, ours in getattr(handbook.current().salesforce, past.map).items()}
    now = frame()
    cursor.execute(
        f"""
        CREATE TEMP TABLE {STEPS} ON COMMIT DROP AS
        WITH told AS (
            SELECT h.*, {_ours("h.new")} AS went, {_ours("NULLIF(h.old, '')")} AS came
            FROM history_priorchange h JOIN {TOLD} USING (record_id)
            WHERE h.object = '{kind.object}' AND h.field = %(field)s AND h.new <> ''),
        chained AS (
            SELECT t.*, lag(went) OVER (PARTITION BY record_id ORDER BY at, id) AS before FROM told t),
        steps AS (
            SELECT record_id, id, at, actor_id, actor_name, COALESCE(before, came) AS from_state, went AS to_state
            FROM chained WHERE COALESCE(before, came) IS NOT NULL AND COALESCE(before, came) <> went)
        SELECT s.*, row_number() OVER same - count(*) OVER (PARTITION BY record_id) AS version,
               row_number() OVER (PARTITION BY record_id ORDER BY at DESC, id DESC) = 1 AS is_last
        FROM steps s WINDOW same AS (PARTITION BY record_id ORDER BY at, id)
        """,
        {"words": Jsonb(words), "field": past.field},
    )
    # Moves are only ever added to, but these are read off what was kept, and a change in between numbers them anew.
    cursor.execute(
        f"SELECT set_config('crm.upkeep', 'on', true);"
        f"DELETE FROM history_move m USING {TOLD} t"
        f" WHERE m.object = '{kind.object}' AND m.record_id = t.record_id AND m.version <= 0;"
        f"SELECT set_config('crm.upkeep', '', true)"
    )
    cursor.execute(
        f"""
        INSERT INTO history_move (transaction_id, object, record_id, version, from_state, to_state, verb,
                                  actor_id, actor_name, at, via, reason, facts)
        SELECT (SELECT history_transaction()), '{kind.object}', record_id, version, from_state, to_state, 'place',
               COALESCE(actor_id, %s), COALESCE(NULLIF(actor_name, ''), '{SOMEBODY}'), at, %s,
               'Recorded in Salesforce.', '{{}}'
        FROM {STEPS} ORDER BY record_id, version
        """,
        [now.actor.pk, now.via],
    )


def _ours(word: str) -> str:
    return f"COALESCE(%(words)s::jsonb->>lower({word}), left({word}, {LONGEST_STATE}))"


def _begin_where_it_began(cursor: Any, layout: Layout) -> None:
    """A record that nobody moved here since has been in its status since its history says so."""
    kind = layout.kind
    flow = cast(type[Stateful], kind.model).FLOW
    table = kind.model._meta.db_table
    # The time of the last change there stands: by a microsecond it differs, or the trigger would set it to now.
    cursor.execute(
        f"""
        UPDATE {table} r SET "{flow}_since" = s.at,
               updated_at = GREATEST(r.updated_at, s.at) + interval '1 microsecond'
        FROM {STEPS} s
        WHERE s.is_last AND s.record_id = r.id AND r."{flow}" = s.to_state AND r."{flow}_since" <> s.at
          AND NOT EXISTS (SELECT FROM history_move m
                          WHERE m.object = '{kind.object}' AND m.record_id = r.id AND m.version > 1)
        """
    )
    labels = dict(kind.model._meta.get_field(flow).flatchoices)  # type: ignore[union-attr]
    cursor.execute(
        f"""
        INSERT INTO {FLAGS}
        SELECT max(p.n), 'history_differs', 'The history ends in ' || COALESCE(%s::jsonb->>s.to_state, s.to_state)
               || ' so far, and the record is in ' || COALESCE(%s::jsonb->>r."{flow}", r."{flow}") || ': left there.'
        FROM {STEPS} s JOIN {PLAN} p USING (record_id) JOIN {table} r ON r.id = s.record_id
        WHERE s.is_last AND r."{flow}" <> s.to_state
          AND NOT EXISTS (SELECT FROM history_move m
                          WHERE m.object = '{kind.object}' AND m.record_id = r.id AND m.version > 1)
        GROUP BY s.to_state, r."{flow}", r.id
        """,
        [Jsonb(labels), Jsonb(labels)],
    )
