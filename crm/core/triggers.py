"""Triggers that keep the change log and guard the status; generated per table from the model, declared by pgtrigger.

Three statement-level triggers log a whole statement's rows at once (PostgreSQL refuses transition tables for two
events in one trigger), one row-level trigger counts the version. The tables they write are `crm.history.models`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pgtrigger
from django.db import models

# jsonb_build_object takes at most 100 arguments: fifty columns a call.
PAIRS = 50
UNCOUNTED = ("version", "updated_at")
# A session keeps the plan that the first statement got. One made for a single row goes through all old rows for every
# new one when a later statement has thousands: beyond this many rows, a statement is planned for itself.
PLANNED_APART = 100
# The moment that `acting()` says, or now.
AT = "COALESCE(NULLIF(current_setting('crm.at', true), '')::timestamptz, now())"
# Written so that no index can serve it. With statistics from before a large write the planner takes this transaction
# to have one move, walks the index by transaction, and compares every new row with every new move.
SAME_TRANSACTION = "m.transaction_id IS NOT DISTINCT FROM NULLIF(current_setting('crm.transaction', true), '')::bigint"


def _columns(model: type[models.Model], without: Iterable[str] = ()) -> list[models.Field[Any, Any]]:
    skipped = {*without, *UNCOUNTED}
    return [
        field
        for field in model._meta.concrete_fields
        if not field.primary_key and not isinstance(field, models.GeneratedField) and field.column not in skipped
    ]


class _Logged(pgtrigger.Trigger):
    """A trigger that knows which columns are nobody's business (`unlogged`): never in the log, never a version."""

    def __init__(self, *, unlogged: tuple[str, ...] = (), **kwargs: Any) -> None:
        self.unlogged = unlogged
        super().__init__(**kwargs)


class CountVersion(_Logged):
    """Raise the version and the time of change with every real change; a write of equal values is none.

    An id never changes: the other triggers tell by it which old row became which new one.
    """

    name = "count_version"
    level = pgtrigger.Row
    when = pgtrigger.Before
    operation = pgtrigger.Update

    def get_func(self, model: Any) -> str:
        columns = [f.column for f in _columns(model, self.unlogged)]
        new = ", ".join(f'NEW."{c}"' for c in columns)
        old = ", ".join(f'OLD."{c}"' for c in columns)
        return f"""
            IF NEW.id <> OLD.id THEN
                RAISE EXCEPTION 'The id of a {model._meta.model_name} never changes' USING ERRCODE = 'check_violation';
            END IF;
            IF ROW({new}) IS DISTINCT FROM ROW({old}) THEN
                NEW.version := OLD.version + 1;
                IF NEW.updated_at = OLD.updated_at THEN
                    NEW.updated_at := {AT};
                END IF;
            ELSE
                NEW.version := OLD.version;
                NEW.updated_at := OLD.updated_at;
            END IF;
            RETURN NEW;
        """


def _insert_change(model: type[models.Model], op: str, what: str, source: str) -> str:
    alias = "o" if op == "D" else "n"
    # As a subquery it is asked for with the first row: a statement that changed nothing makes no transaction row.
    return f"""
        INSERT INTO history_change (transaction_id, object, record_id, version, op, at, what)
        SELECT (SELECT history_transaction()), '{model._meta.model_name}', {alias}.id, {alias}.version, '{op}',
               {AT}, {what}
        FROM {source}
    """


def _planned_by_size(rows: str, *, static: str, dynamic: str) -> str:
    """One statement in two forms, the second planned anew each time, for when the transition table is large."""
    return f"""
            IF (SELECT count(*) FROM {rows}) <= {PLANNED_APART} THEN
                {static};
            ELSE
                {dynamic};
            END IF;"""


class LogInsert(_Logged):
    """One `Change` for each inserted row, without values: the row itself has them."""

    name = "log_insert"
    level = pgtrigger.Statement
    when = pgtrigger.After
    operation = pgtrigger.Insert
    referencing = pgtrigger.Referencing(new="new_rows")

    def get_func(self, model: Any) -> str:
        return f"""
            {_insert_change(model, "I", "NULL", "new_rows n")};
            RETURN NULL;
        """


class LogUpdate(_Logged):
    """One `Change` for each row whose version rose: `{field: [old, new]}` of the columns that differ."""

    name = "log_update"
    level = pgtrigger.Statement
    when = pgtrigger.After
    operation = pgtrigger.Update
    referencing = pgtrigger.Referencing(old="old_rows", new="new_rows")

    def get_func(self, model: Any) -> str:
        plain: list[tuple[str, str]] = []
        documents: list[tuple[str, str]] = []
        for field in _columns(model, self.unlogged):
            c = str(field.column)
            pair = f"""CASE WHEN o."{c}" IS DISTINCT FROM n."{c}" THEN jsonb_build_array(o."{c}", n."{c}") END"""
            # strip_nulls reaches into documents, where a null is a value: those are added apart.
            (documents if isinstance(field, models.JSONField) else plain).append((c, pair))
        groups = [plain[i : i + PAIRS] for i in range(0, len(plain), PAIRS)]
        built = [
            "jsonb_strip_nulls(jsonb_build_object(" + ", ".join(f"'{c}', {p}" for c, p in g) + "))" for g in groups
        ]
        built += [
            f"""CASE WHEN o."{c}" IS DISTINCT FROM n."{c}" THEN jsonb_build_object('{c}', {p}) ELSE '{{}}'::jsonb END"""
            for c, p in documents
        ]
        joined = "old_rows o JOIN new_rows n ON n.id = o.id AND n.version <> o.version"
        insert = _insert_change(model, "U", " || ".join(built), joined)
        return f"""{_planned_by_size("new_rows", static=insert, dynamic=f"EXECUTE $bulk${insert}$bulk$")}
            RETURN NULL;
        """


class LogDelete(_Logged):
    """One `Change` for each deleted row with its last image, from which it can be made again with its id."""

    name = "log_delete"
    level = pgtrigger.Statement
    when = pgtrigger.After
    operation = pgtrigger.Delete
    referencing = pgtrigger.Referencing(old="old_rows")

    def get_func(self, model: Any) -> str:
        generated = [f.column for f in model._meta.concrete_fields if isinstance(f, models.GeneratedField)]
        dropped = "".join(f" - '{c}'" for c in (*generated, *self.unlogged))
        return f"""
            {_insert_change(model, "D", f"to_jsonb(o){dropped}", "old_rows o")};
            RETURN NULL;
        """


class _Guard(pgtrigger.Trigger):
    """A trigger that counts the rows whose status no `Move` explains, and refuses the statement if there are any."""

    level = pgtrigger.Statement
    when = pgtrigger.After
    declare = [("unexplained", "bigint")]

    def __init__(self, *, flow: str, **kwargs: Any) -> None:
        self.flow = flow
        super().__init__(**kwargs)

    def refuse(self, model: Any, *, rows: str, came_from: str, says: str, hint: str) -> str:
        """The function's body. `rows` is FROM and WHERE of the rows that need a move, `came_from` their status
        before it."""
        s, object_name = self.flow, model._meta.model_name
        # Counted and not looked for: to find one row soon the planner takes plans that are ruinous when there is none.
        missing = f"""FROM {rows} AND NOT EXISTS (
                    SELECT FROM history_move m
                    WHERE m.object = '{object_name}' AND m.record_id = n.id AND m.version = n.version
                      AND m.from_state = {came_from} AND m.to_state = n."{s}" AND m.at = n."{s}_since"
                      AND {SAME_TRANSACTION})"""
        count = _planned_by_size(
            "new_rows",
            static=f"SELECT count(*) INTO unexplained {missing}",
            dynamic=f"EXECUTE $bulk$SELECT count(*) {missing}$bulk$ INTO unexplained",
        )
        return f"""{count}
            IF unexplained > 0 THEN
                RAISE EXCEPTION '{says}'
                    USING ERRCODE = 'check_violation', CONSTRAINT = '{object_name}_{s}_moves', HINT = '{hint}';
            END IF;
            RETURN NULL;
        """


class GuardStatusChange(_Guard):
    """Refuse an update that changes the status without the `Move` that explains it, of the same transaction."""

    operation = pgtrigger.Update
    referencing = pgtrigger.Referencing(old="old_rows", new="new_rows")
    name = "guard_status_change"

    def get_func(self, model: Any) -> str:
        s = self.flow
        return self.refuse(
            model,
            rows=f'old_rows o JOIN new_rows n ON n.id = o.id WHERE n."{s}" IS DISTINCT FROM o."{s}"',
            came_from=f'o."{s}"',
            says=f"The {s} of a {model._meta.model_name} changes by a move only",
            hint="Call crm.core.door.move().",
        )


class GuardStatusInsert(_Guard):
    """Refuse a new row in any status but the initial one, unless a `Move` of the same transaction placed it there."""

    operation = pgtrigger.Insert
    referencing = pgtrigger.Referencing(new="new_rows")
    name = "guard_status_insert"

    def __init__(self, *, flow: str, initial: str, **kwargs: Any) -> None:
        self.initial = initial
        super().__init__(flow=flow, **kwargs)

    def get_func(self, model: Any) -> str:
        return self.refuse(
            model,
            rows=f"""new_rows n WHERE n."{self.flow}" <> '{self.initial}'""",
            came_from="''",
            says=f"A new {model._meta.model_name} is placed in its {self.flow} by a move only",
            hint="Call crm.core.door.create().",
        )


class Refuse(pgtrigger.Trigger):
    """Refuse statements of one kind on a table, whoever sends them."""

    level = pgtrigger.Statement
    when = pgtrigger.Before

    def __init__(self, *, says: str, **kwargs: Any) -> None:
        self.says = says
        super().__init__(**kwargs)

    def get_func(self, model: Any) -> str:
        # Retention and the erasure of a person say in their transaction that they mean it.
        return f"""
            IF COALESCE(current_setting('crm.upkeep', true), '') <> 'on' THEN
                RAISE EXCEPTION '{self.says}' USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NULL;
        """


def append_only(*columns: str) -> list[pgtrigger.Trigger]:
    """The triggers of a table that is only ever added to; `columns` are those that no update may name, if not all."""
    change: Any = pgtrigger.UpdateOf(*columns) if columns else pgtrigger.Update
    says = "The change log is only ever added to"
    return [
        Refuse(name="keep_values", operation=change, says=says),
        Refuse(name="keep_rows", operation=pgtrigger.Delete | pgtrigger.Truncate, says=says),
    ]


def tracked(*, unlogged: tuple[str, ...] = ()) -> list[pgtrigger.Trigger]:
    """The triggers of a tracked table: version and change log. `unlogged` columns are neither."""
    logging: list[pgtrigger.Trigger] = [
        kind(unlogged=unlogged) for kind in (CountVersion, LogInsert, LogUpdate, LogDelete)
    ]
    # TRUNCATE shows a trigger no rows: what cannot be logged cannot be done.
    emptied = Refuse(name="log_no_truncate", operation=pgtrigger.Truncate, says="A tracked table is emptied by DELETE")
    return [*logging, emptied]


def guarded(flow: str, *, initial: str = "") -> list[pgtrigger.Trigger]:
    """The triggers that tie a status column to its moves; `initial` is the one status that needs none at insert."""
    return [GuardStatusChange(flow=flow), GuardStatusInsert(flow=flow, initial=initial)]
