"""Undoing a transaction: each record that nobody touched since is put back to what it was before.

What was made is removed, what was changed gets its values back, what was deleted comes back under its id. A record that
was changed since stays as it is and is named. Undoing is a transaction like any other, so it can be undone as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, models
from django.db import transaction as database
from django.utils.dateparse import parse_datetime
from psycopg.types.json import Jsonb

from crm.core.acting import acting, retry_deadlocks
from crm.core.constraints import named
from crm.core.errors import Refused
from crm.core.flow import Ask, Stateful, Verb, nothing_missing
from crm.core.locks import hold
from crm.core.text import tidy
from crm.history.models import Move, Transaction
from crm.history.selectors import REVERT
from crm.history.undo_plan import (
    by_kind,
    find_lost_links,
    judge,
    kinds_in_order,
    label_of,
    linked_to,
    parents_first,
    read_wanted,
)
from crm.history.undoing import (
    CHANGE,
    REMOVE,
    RESTORE,
    Asked,
    Wanted,
    bars_undo,
    followers,
    holders,
    is_import,
    transaction_bars,
)
from crm.people.models import User

PUT_BACK = "put_back"
DONE = {REMOVE: "Removed.", RESTORE: "Brought back.", CHANGE: "Put back to what it was."}
WOULD = {REMOVE: "Will be removed.", RESTORE: "Will be brought back.", CHANGE: "Will be put back to what it was."}
# The verb of the moves that put a status back. It is no move that anybody makes by itself.
UNDO = Verb(REVERT, "Undo", "Who did it, a manager", "", nothing_missing)
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one record: `outcome` is put_back, touched, refused or gone; `code` and `message` say why."""

    object: str
    record_id: int
    label: str
    outcome: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Reverted:
    """What became of every record of the transaction; `transaction_id` is the undo's own, None if nothing was done."""

    rows: list[Row] = field(default_factory=list)
    transaction_id: int | None = None

    @property
    def put_back(self) -> int:
        """How many records are as they were before."""
        return sum(row.outcome == PUT_BACK for row in self.rows)

    def counts(self) -> list[tuple[str, str, str, int]]:
        """(outcome, code, message, how many), those that are put back first, then the most frequent."""
        found = Counter((row.outcome, row.code, row.message) for row in self.rows)
        return sorted(
            ((*key, many) for key, many in found.items()), key=lambda one: (one[0] != PUT_BACK, -one[3], one[:3])
        )


@bars_undo(User)
def users(wanted: list[Wanted], asked: Asked) -> None:
    """People are added, changed and deactivated by name only: whoever got in by an undo would have been let in."""
    for one in wanted:
        one.refuse("refused", "user", "What was done to users is never undone: change them by hand.")


def can_revert(transaction: Transaction, actor: User, *, at: datetime) -> Refused | None:
    """Why this person may not undo this transaction, or None: it is for who made it, or a manager.

    What an import brought in is undone by an administrator. Single records may still be refused.
    """
    if not actor.is_active or not actor.rights:
        return Refused("forbidden", "You may not undo this.")
    if is_import(transaction) and not actor.is_administrator:
        return Refused("forbidden", "What an import brought in is undone by an administrator.")
    if transaction.actor_id != actor.pk and not actor.is_manager:
        return Refused("forbidden", "It is undone by who did it, or by a manager.")
    return next((refusal for bar in transaction_bars if (refusal := bar(transaction, at)) is not None), None)


def preview_revert(transaction: Transaction, *, actor: User, at: datetime, via: str, reason: str = "") -> Reverted:
    """What undoing would do now, without writing or locking anything. Raises `Refused` as `revert` does."""
    if refusal := can_revert(transaction, actor, at=at):
        raise refusal
    asked = Asked(transaction, actor, at, via, tidy(reason))
    wanted = read_wanted(transaction)
    judge(wanted, asked)
    return Reverted([_row(one, WOULD) for one in wanted])


@retry_deadlocks
def revert(
    transaction: Transaction,
    *,
    actor: User,
    at: datetime,
    via: str,
    reason: str = "",
    beside: frozenset[int] = frozenset(),
) -> Reverted:
    """Put back what one transaction did to each record that is still as it left it; name the others.

    `beside`: transactions that are undone together with it (of one job), newest first, and those that undo them.

    Raises:
        Refused: `forbidden`, or the code for which the transaction as a whole is never undone; nothing was written.
    """
    if refusal := can_revert(transaction, actor, at=at):
        raise refusal
    asked = Asked(transaction, actor, at, via, tidy(reason), beside)
    try:
        with acting(actor=actor, via=via, at=at, reason=reason):
            hold(("undo", str(transaction.pk)))
            wanted = read_wanted(transaction)
            _lock(wanted, asked)
            judge(wanted, asked)
            _write(wanted, asked)
            done = [one for one in wanted if one.refusal is None]
            for follow in followers:
                follow(done, asked)
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
                cursor.execute("SELECT NULLIF(current_setting('crm.transaction', true), '')::bigint")
                (made,) = cursor.fetchone()
    except IntegrityError as error:
        raise Refused("conflict", "Somebody wrote what stands against it just now: try again.") from error
    return Reverted([_row(one, DONE) for one in wanted], made)


def _row(one: Wanted, said: Mapping[str, str]) -> Row:
    outcome, code, message = one.refusal or (PUT_BACK, one.action, said[one.action])
    return Row(one.object, one.record_id, label_of(one), outcome, code, message)


def _lock(wanted: list[Wanted], asked: Asked) -> None:
    """Take the holds, then lock what is changed and what it will point at, in the one order of kinds and ids."""
    groups, links = by_kind(wanted), linked_to(wanted)
    ask = Ask(asked.actor, asked.at, asked.via, asked.reason)
    for kind in kinds_in_order():
        if issubclass(kind, Stateful):
            ids = [one.record_id for one in groups.get(kind, ()) if kind.FLOW in one.values]
            if ids:
                kind.take_holds(ids, UNDO, ask)
        for holder in holders.get(str(kind._meta.model_name), ()):
            holder(groups.get(kind, []), asked)
    with connection.cursor() as cursor:
        for kind in kinds_in_order():
            ids = [one.record_id for one in groups.get(kind, ())]
            _lock_rows(cursor, kind, ids, "FOR UPDATE")
            _lock_rows(cursor, kind, sorted({*links.get(kind, ())} - {*ids}), "FOR KEY SHARE")


def _lock_rows(cursor: Any, kind: type[models.Model], ids: list[int], how: str) -> None:
    if ids:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT id FROM {kind._meta.db_table} WHERE id = ANY(%s) ORDER BY id {how}) l", [ids]
        )


def _write(wanted: list[Wanted], asked: Asked) -> None:
    """Remove, change, restore: in this order, so that what is unique is free again before it is taken.

    Foreign keys are looked at once everything is written.
    """
    groups = by_kind(one for one in wanted if one.refusal is None)
    order = parents_first(groups)
    steps: list[tuple[str, list[type[models.Model]], Callable[[Any, type[models.Model], list[Wanted], Asked], None]]]
    steps = [(REMOVE, order[::-1], _remove), (CHANGE, order, _change), (RESTORE, order, _restore)]
    with connection.cursor() as cursor:
        for action, kinds, write in steps:
            for kind in kinds:
                group = [one for one in groups[kind] if one.action == action and one.refusal is None]
                for start in range(0, len(group), BATCH):
                    _try(cursor, kind, group[start : start + BATCH], write, asked)
                _try_again(cursor, kind, group, write, asked)
                if any(one.refusal for one in group):
                    find_lost_links(wanted)


def _try(cursor: Any, kind: type[models.Model], batch: list[Wanted], write: Any, asked: Asked) -> None:
    """Write a batch; where a constraint stands against it, its halves, down to the one record that it is about."""
    try:
        with database.atomic():
            write(cursor, kind, batch, asked)
    except IntegrityError as error:
        if len(batch) > 1:
            middle = len(batch) // 2
            _try(cursor, kind, batch[:middle], write, asked)
            _try(cursor, kind, batch[middle:], write, asked)
            return
        name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
        constraint = named(kind, name)
        said = str(constraint.violation_error_message) if constraint else "What is here now stands against it."
        batch[0].refuse("refused", "conflict", said)


def _try_again(cursor: Any, kind: type[models.Model], group: list[Wanted], write: Any, asked: Asked) -> None:
    """Write those that stood against others once more, as long as that helps: what one gives back, another takes."""
    left = [one for one in group if one.refusal is not None]
    while left:
        for one in left:
            one.refusal = None
            _try(cursor, kind, [one], write, asked)
        rest = [one for one in left if one.refusal is not None]
        if len(rest) == len(left):
            return
        left = rest


def _remove(cursor: Any, kind: type[models.Model], batch: list[Wanted], asked: Asked) -> None:
    ids = [one.record_id for one in batch]
    for relation in kind._meta.related_objects:
        child: Any = relation.related_model
        # Parts that are in no log of their own; tracked ones would have held it.
        if relation.on_delete is models.CASCADE and getattr(relation.field, "db_constraint", False):
            child._base_manager.filter(**{f"{relation.field.attname}__in": ids}).delete()
    cursor.execute(f"DELETE FROM {kind._meta.db_table} WHERE id = ANY(%s)", [ids])


def _change(cursor: Any, kind: type[models.Model], batch: list[Wanted], asked: Asked) -> None:
    batch = [one for one in batch if one.values]
    columns = sorted({column for one in batch for column in one.values})
    if not columns:
        return
    if issubclass(kind, Stateful):
        _write_moves(kind, [one for one in batch if kind.FLOW in one.values], asked)
    listed = ", ".join(f'"{column}"' for column in columns)
    # A row takes those of the columns that its document has, and keeps its own of the others.
    picked = ", ".join(f'p."{column}"' for column in columns)
    cursor.execute(
        f"UPDATE {kind._meta.db_table} r SET ({listed}) = (SELECT {picked} FROM jsonb_populate_record(r, s.old) p)"
        f" FROM unnest(%s::bigint[], %s::jsonb[]) AS s (id, old) WHERE r.id = s.id",
        [[one.record_id for one in batch], [Jsonb(one.values) for one in batch]],
    )


def _restore(cursor: Any, kind: type[models.Model], batch: list[Wanted], asked: Asked) -> None:
    fields = [f for f in kind._meta.concrete_fields if not isinstance(f, models.GeneratedField)]
    images = [
        {str(f.column): one.values.get(str(f.column), _default(f)) for f in fields}
        | {"id": one.record_id, "version": one.version + 1, "updated_at": asked.at.isoformat()}
        for one in batch
    ]
    if issubclass(kind, Stateful):
        first = kind.initial_state()
        _write_moves(kind, [one for one in batch if one.values.get(kind.FLOW) != first], asked)
    listed = ", ".join(f'"{f.column}"' for f in fields)
    picked = ", ".join(f'p."{f.column}"' for f in fields)
    cursor.execute(
        f"INSERT INTO {kind._meta.db_table} ({listed})"
        f" SELECT {picked} FROM unnest(%s::jsonb[]) AS s (image), jsonb_populate_record(NULL::{kind._meta.db_table},"
        " s.image) p ORDER BY p.id",
        [[Jsonb(image) for image in images]],
    )


def _default(column: Any) -> Any:
    """What a column holds that the image does not have: one of which no log is kept, or that came later."""
    value = None if column.has_db_default() else column.get_default()
    return value if isinstance(value, str | int | float | bool | list | dict) else None


def _write_moves(kind: type[Stateful], batch: Iterable[Wanted], asked: Asked) -> None:
    """The moves that put each status back, as of when it was first entered: what was undone took no time of it."""
    since = f"{kind.FLOW}_since"
    moves = []
    for one in batch:
        record: Any = one.record
        came_from = record.current_state if record is not None else ""
        entered = one.values.get(since) or (record.__dict__.get(since) if record is not None else None) or asked.at
        moves.append(
            Move(
                object=one.object,
                record_id=one.record_id,
                version=(record.version if record is not None else one.version) + 1,
                from_state=came_from,
                to_state=one.values[kind.FLOW],
                verb=REVERT,
                actor_id=asked.actor.pk,
                actor_name=str(asked.actor),
                at=(parse_datetime(entered) or asked.at) if isinstance(entered, str) else entered,
                via=asked.via,
                reason=asked.reason,
                facts={},
            )
        )
    Move.objects.bulk_create(moves)
