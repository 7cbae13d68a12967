"""Many rows at once into one table: found by their id in another system, with versions, moves and change log.

The rows are copied into a temporary table and written by statements over whole sets, so that a hundred thousand of
them cost a few times what COPY alone would. Where rows come from is not this file's business: imports and batch
writes of programs share it. Everything here runs inside `acting()`, which says who and when.

A *source* below is SQL that can stand after FROM: it has `record_id` and the columns to write. In it the flow's
column (a lead's `status`) and its `_since` place the record there, as a fact of another system.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, models

from crm.core.acting import Acting, current
from crm.core.errors import Refused
from crm.core.flow import Stateful
from crm.core.locks import hold

# So many new rows make what the planner knows of a table worthless.
MANY = 1000
# The columns that the database itself keeps, or that never change after the first write.
OWN = ("id", "version", "created_at", "updated_at")


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one row: `outcome` is created, updated or unchanged."""

    external_id: str
    record_id: int
    outcome: str


def upsert(
    model: type[models.Model],
    *,
    system: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> Iterator[Stored]:
    """Make or change the records that `system` calls by these ids; the answers come in the order of the rows.

    Each row is the external id and a value for each column, in the form COPY takes. A row that says nothing new
    writes nothing. Permission is the caller's to ask, also to `place` if the flow's column is among the columns.

    Raises:
        Refused: `duplicate_id` when two rows have one id: neither could be said to be the right one.
    """
    frame()
    types = {"n": "integer", "external_id": "text", **column_types(model, columns)}
    # Two batches of one system might both find an id missing; its rows do not exist yet, so they cannot be locked.
    hold(("upsert", f"{system}:{model._meta.model_name}"))
    with connection.cursor() as cursor:
        stage(cursor, "upsert_staged", types, ((n, *row) for n, row in enumerate(rows)))
        cursor.execute("SELECT external_id FROM upsert_staged GROUP BY 1 HAVING count(*) > 1 LIMIT 1")
        if twice := cursor.fetchone():
            raise Refused("duplicate_id", f"The id {twice[0]} is in the batch twice.")
        cursor.execute(
            """
            CREATE TEMP TABLE upsert_plan ON COMMIT DROP AS
            SELECT s.n, COALESCE(e.record_id, nextval(pg_get_serial_sequence(%s, 'id'))) AS record_id,
                   e.record_id IS NULL AS is_new
            FROM upsert_staged s LEFT JOIN sync_externalid e
                ON e.object = %s AND e.system = %s AND e.value = s.external_id;
            CREATE TEMP TABLE upsert_changed (record_id bigint) ON COMMIT DROP;
            ANALYZE upsert_plan;
            INSERT INTO sync_externalid (object, system, value, record_id, seen)
            SELECT %s, %s, s.external_id, p.record_id, '{}' FROM upsert_staged s JOIN upsert_plan p USING (n)
            WHERE p.is_new
            """,
            [model._meta.db_table, *[model._meta.model_name, system] * 2],
        )
        source = "(SELECT s.*, p.record_id FROM upsert_staged s JOIN upsert_plan p USING (n) WHERE {})"
        insert_records(cursor, model, source.format("p.is_new"), columns)
        lock_records(cursor, model, "(SELECT record_id FROM upsert_plan WHERE NOT is_new)")
        update_records(cursor, model, source.format("NOT p.is_new"), columns, changed="upsert_changed")
        cursor.execute(
            "SELECT s.external_id, p.record_id, CASE WHEN p.is_new THEN 'created'"
            " WHEN c.record_id IS NOT NULL THEN 'updated' ELSE 'unchanged' END"
            " FROM upsert_staged s JOIN upsert_plan p USING (n) LEFT JOIN upsert_changed c USING (record_id) ORDER BY n"
        )
        answers = [Stored(*row) for row in cursor.fetchall()]
        drop(cursor, "upsert_staged", "upsert_plan", "upsert_changed")
    return iter(answers)


def frame() -> Acting:
    """Who acts. Raises RuntimeError outside `acting()`: such a write would have no author."""
    found = current()
    if found is None:
        raise RuntimeError("Bulk writes happen inside acting()")
    return found


def column_types(model: type[models.Model], columns: Iterable[str]) -> dict[str, str]:
    """The SQL type of each column, for a staging table."""
    fields = {f.attname: f for f in model._meta.concrete_fields}
    return {column: str(fields[column].cast_db_type(connection)) for column in columns}


def stage(
    cursor: Any, table: str, types: Mapping[str, str], rows: Iterable[Sequence[Any]], *, joined: bool = True
) -> None:
    """Copy rows into a new temporary table that ends with the transaction; `joined` says that others are joined."""
    columns = ", ".join(f'"{column}" {kind}' for column, kind in types.items())
    cursor.execute(f"CREATE TEMP TABLE {table} ({columns}) ON COMMIT DROP")
    with cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    if joined:
        # Without statistics of what was just copied the planner guesses, and guesses nested loops.
        cursor.execute(f"ANALYZE {table}")


def listed(columns: Iterable[str], alias: str = "") -> str:
    """Column names for a statement, each of the table `alias`."""
    before = f"{alias}." if alias else ""
    return ", ".join(f'{before}"{column}"' for column in columns)


def drop(cursor: Any, *tables: str) -> None:
    """Forget temporary tables, so that the same transaction may make them again."""
    cursor.execute(f"DROP TABLE IF EXISTS {', '.join(tables)}")


def insert_records(cursor: Any, model: type[models.Model], source: str, columns: Sequence[str]) -> None:
    """Insert a record for each row of the source; a column that it does not have gets its default."""
    if flow := flow_of(model, columns):
        # The one status a new record may begin in without a move; of a flow whose stages are data, none.
        initial = model._meta.get_field(flow).get_default()  # type: ignore[union-attr]
        _write_moves(cursor, model, flow, f"{source} s", "1", "''", str(initial))
    insert_plain(cursor, model, source, columns)


def insert_plain(cursor: Any, model: type[models.Model], source: str, columns: Sequence[str]) -> None:
    """As `insert_records`, of a flow whose moves are written already."""
    given = ["id", *columns]
    values, defaults = [listed(columns, "s")], []
    for field in model._meta.concrete_fields:
        if field.attname in given or isinstance(field, models.GeneratedField) or field.has_db_default():
            continue
        default = field.get_default()
        if default is not None:
            given.append(field.attname)
            values.append("%s")
            defaults.append(field.get_db_prep_save(default, connection))
    cursor.execute(
        f"INSERT INTO {model._meta.db_table} ({listed(given)}) SELECT s.record_id, {', '.join(values)} FROM {source} s",
        defaults,
    )
    if cursor.rowcount >= MANY:
        # A table that was never analyzed passes for one of a single row, if its rows may be as wide as ours: what
        # joins it later in the same transaction would go through it once for every row.
        keys = [c for c in ("id", "email_key", "linkedin_key") if c in {f.attname for f in model._meta.concrete_fields}]
        cursor.execute(f"ANALYZE {model._meta.db_table} ({listed(keys)})")
        cursor.execute("ANALYZE sync_externalid (object, system, value)")


def lock_records(cursor: Any, model: type[models.Model], ids: str) -> None:
    """Lock the records of a subquery of ids, in the order of ids that every door keeps."""
    cursor.execute(
        f"SELECT count(*) FROM (SELECT id FROM {model._meta.db_table} WHERE id IN {ids} ORDER BY id FOR UPDATE) l"
    )


def update_records(
    cursor: Any, model: type[models.Model], source: str, columns: Sequence[str], *, changed: str
) -> None:
    """Bring the records of the source up to it where they differ; their ids go into the table `changed`.

    They must be locked already: the moves are written first, and name the version that the update will make.
    """
    flow = flow_of(model, columns)
    plain = [c for c in columns if c not in (*OWN, flow, f"{flow}_since")]
    compared = [*plain, flow] if flow else plain
    sets = [f'"{c}" = s."{c}"' for c in compared]
    if flow:
        joined = f'{source} s JOIN {model._meta.db_table} r ON r.id = s.record_id AND r."{flow}" <> s."{flow}"'
        _write_moves(cursor, model, flow, joined, "r.version + 1", f'r."{flow}"', "")
        sets.append(
            f'"{flow}_since" = CASE WHEN r."{flow}" <> s."{flow}" THEN s."{flow}_since" ELSE r."{flow}_since" END'
        )
    if "updated_at" in columns:
        sets.append("updated_at = s.updated_at")
    cursor.execute(
        f"""
        WITH written AS (
            UPDATE {model._meta.db_table} r SET {", ".join(sets)} FROM {source} s
            WHERE r.id = s.record_id
              AND ROW({listed(compared, "r")}) IS DISTINCT FROM ROW({listed(compared, "s")})
            RETURNING r.id)
        INSERT INTO {changed} (record_id) SELECT id FROM written
        """
    )


def flow_of(model: type[models.Model], columns: Iterable[str]) -> str:
    """The flow's column, if it is among these."""
    return model.FLOW if issubclass(model, Stateful) and model.FLOW in columns else ""


def _write_moves(
    cursor: Any, model: type[models.Model], flow: str, joined: str, version: str, came_from: str, unless: str
) -> None:
    """Write the move `place` for each row, except into the status `unless`."""
    now = frame()
    cursor.execute(
        f"""
        INSERT INTO history_move (transaction_id, object, record_id, version, from_state, to_state, verb,
                                  actor_id, actor_name, at, via, reason, facts)
        SELECT (SELECT history_transaction()), %s, s.record_id, {version}, {came_from}, s."{flow}", 'place',
               %s, %s, s."{flow}_since", %s, %s, '{{}}'
        FROM {joined}
        WHERE s."{flow}" <> %s
        """,
        [model._meta.model_name, now.actor.pk, str(now.actor), now.via, now.reason, unless],
    )
