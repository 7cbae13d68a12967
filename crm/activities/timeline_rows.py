"""Which entries a record's timeline has, newest first: one statement for all sources, each read by its own index.

A record's timeline covers the records that belong to it: an account's its contacts, opportunities and contracts, an
opportunity's its contracts; and what was done with the leads that became it. Every source is read in its own
order, which an index has, and continued where it stopped, so that ten years cost as little as one.
"""

from __future__ import annotations

import base64
import binascii
import heapq
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection, models
from django.db.models.expressions import RawSQL

# What belongs to a record of each kind: kind, its table, and the column that says so.
PARTS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "account": (
        ("contact", "accounts_contact", "account_id"),
        ("opportunity", "contracts_opportunity", "account_id"),
        ("contract", "contracts_contract", "account_id"),
        ("lead", "leads_lead", "converted_account_id"),
    ),
    "contact": (("lead", "leads_lead", "converted_contact_id"),),
    "opportunity": (
        ("contract", "contracts_contract", "opportunity_id"),
        ("lead", "leads_lead", "converted_opportunity_id"),
    ),
}
# What people may narrow a timeline to, and the sources it then has.
KINDS: dict[str, tuple[str, ...]] = {
    "touches": ("touch",),
    "tasks": ("task",),
    "changes": ("change", "prior"),
    "moves": ("move",),
    "conversions": ("conversion",),
}


@dataclass(frozen=True, slots=True)
class Source:
    """Entries of another app: `statement` gives `id, at, written` of those that belong to `s`, a row of `scope`.

    It has places for `{kind}`, the kind of `s`, and `{older}`, a condition on `r.{at}` and `r.id`; `kinds` are those
    that it knows. It ends by the newest `%(most)s`.
    """

    name: str
    at: str
    statement: str
    kinds: tuple[str, ...]


_more: dict[str, Source] = {}


def add_source(source: Source, *, under: str) -> None:
    """Have every timeline show these entries as well, narrowed to by the word `under`."""
    _more[source.name] = source
    KINDS[under] = tuple(dict.fromkeys((*KINDS.get(under, ()), source.name)))


def narrowed(only: str) -> tuple[str, ...]:
    """The sources of a timeline that is narrowed to this word; to changes, also those that a move made, as there is no
    move in it to tell them."""
    return (*KINDS[only], "with_move") if only == "changes" else KINDS[only]


def without(name: str | None) -> dict[str, bool]:
    """What a timeline of this kind of record is not narrowed to: none of those sources knows the kind."""
    return {
        under: not any(str(name) in _more[one].kinds for one in sources)
        for under, sources in KINDS.items()
        if all(one in _more for one in sources)
    }


# The records that a conversion leads to; on the lead's own page it is a move.
CONVERTED = ("account", "contact", "opportunity")
# What changes with every move. A change that is a move's own is told by the move, with everything in it.
OF_MOVES = "'{status,status_since,stage,stage_since}'::text[]"

# Kept in one place, since a source is continued by the very order it is read in.
TOUCH, TASK = ("activities_activity", "happened_at", "created_at"), ("activities_task", "done_at", "done_at")
OWN = """
    SELECT t.id, t.at, t.written FROM scope s CROSS JOIN LATERAL (
        SELECT r.id, r.{at} AS at, r.{written} AS written FROM {table} r
        WHERE r.{kind}_id = s.id AND s.object = '{kind}' AND r.{at} IS NOT NULL {older}
        ORDER BY r.{at} DESC, r.id DESC LIMIT %(most)s
    ) t
"""
CHANGE = """
    SELECT t.id, t.at, t.at AS written FROM own s CROSS JOIN LATERAL (
        SELECT r.id, r.at FROM history_change r
        WHERE r.object = s.object AND r.record_id = s.id {older}
          AND (r.op = 'I' OR r.what - {of_moves} <> '{{}}')
          AND {not_}EXISTS (SELECT FROM history_move m WHERE m.object = r.object AND m.record_id = r.record_id
                            AND m.version = r.version)
        ORDER BY r.at DESC, r.id DESC LIMIT %(most)s
    ) t
"""
PRIOR = """
    SELECT t.id, t.at, t.at AS written FROM own s CROSS JOIN LATERAL (
        SELECT r.id, r.at FROM history_priorchange r
        WHERE r.object = s.object AND r.record_id = s.id {older}
          AND NOT EXISTS (SELECT FROM history_move m WHERE m.object = r.object AND m.record_id = r.record_id
                          AND m.version <= 0 AND m.at = r.at)
        ORDER BY r.at DESC, r.id DESC LIMIT %(most)s
    ) t
"""
MOVE = """
    SELECT r.id, r.at, r.at AS written FROM own s
    JOIN history_move r ON r.object = s.object AND r.record_id = s.id {older}
"""
CONVERSION = """
    SELECT r.id, r.at, r.at AS written FROM leads_conversion r WHERE r.{kind}_id = %(pk)s {older}
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One entry: where it is stored, when it was true, and when it was written down."""

    source: str
    id: int
    at: datetime
    written: datetime

    @property
    def key(self) -> tuple[datetime, datetime, str, int]:
        """Its place: what happened within one minute, as touches are told, in the order it was written down."""
        return self.at.replace(second=0, microsecond=0), self.written, self.source, self.id


# Where each source stopped: the time and the id of the last row shown.
Place = Mapping[str, tuple[str, int]]


def rows_of(
    record: models.Model, sources: Collection[str], *, kinds: Collection[str], after: Place, most: int
) -> list[Row]:
    """The newest `most` entries after where each source stopped, over the record and its parts of these `kinds`."""
    name = str(record._meta.model_name)
    scope, objects = scope_of(record, kinds)
    values: dict[str, Any] = {"pk": record.pk, "most": most}
    statements = []
    for source in sources:
        if source == "conversion" and name not in CONVERTED:
            continue
        statement = _statement(source, objects, after, values)
        if not statement:
            continue
        # Grouped, since one touch may be with several of the records.
        statements.append(
            f"(SELECT '{source}', q.id, q.at, q.written FROM ({statement}) q GROUP BY q.id, q.at, q.written"
            " ORDER BY q.at DESC, q.id DESC LIMIT %(most)s)"
        )
    if not statements:
        return []
    # The statuses and fields of a lead are told on its own page: here the conversion says what became of it.
    own = "" if name == "lead" else "WHERE object <> 'lead'"
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH scope AS MATERIALIZED ({scope}), own AS MATERIALIZED (SELECT * FROM scope {own})"
            f" {' UNION ALL '.join(statements)}",
            values,
        )
        found = [Row(*row) for row in cursor.fetchall()]
    return _merged(found, most)


def scope_of(record: models.Model, kinds: Collection[str]) -> tuple[str, list[str]]:
    """The record and its parts of these `kinds`, as a statement over `pk`; and the kinds there are in it."""
    name = str(record._meta.model_name)
    parts = [part for part in PARTS.get(name, ()) if part[0] in kinds]
    scope = [f"SELECT '{name}' AS object, %(pk)s::bigint AS id"]
    scope += [f"SELECT '{kind}', p.id FROM {table} p WHERE p.{column} = %(pk)s" for kind, table, column in parts]
    return " UNION ALL ".join(scope), [name, *(kind for kind, _, _ in parts)]


def open_tasks_of(record: models.Model, *, kinds: Collection[str]) -> RawSQL:
    """The ids of what is to do about the record and its parts of these `kinds`, as a subquery."""
    name = str(record._meta.model_name)
    own = f"SELECT t.id FROM activities_task t WHERE t.{name}_id = %s AND t.done_at IS NULL"
    parts = [
        f"SELECT t.id FROM activities_task t JOIN {table} p ON p.id = t.{kind}_id"
        f" WHERE p.{column} = %s AND t.done_at IS NULL"
        for kind, table, column in PARTS.get(name, ())
        if kind in kinds
    ]
    return RawSQL(" UNION ".join([own, *parts]), [record.pk] * (1 + len(parts)))  # noqa: S611 - SQL of our own


def _statement(source: str, kinds: Iterable[str], after: Place, values: dict[str, Any]) -> str:
    """The rows of one source; `values` gets where it is continued."""
    at = _more[source].at if source in _more else {"touch": "happened_at", "task": "done_at"}.get(source, "at")
    older = ""
    if source in after:
        values[f"{source}_at"], values[f"{source}_id"] = after[source]
        older = f"AND (r.{at}, r.id) < (%({source}_at)s::timestamptz, %({source}_id)s)"
    if source in _more:
        added = _more[source]
        each = [added.statement.format(kind=kind, older=older) for kind in kinds if kind in added.kinds]
        return " UNION ALL ".join(each)
    if source in ("touch", "task"):
        table, column, written = TOUCH if source == "touch" else TASK
        each = [OWN.format(kind=kind, table=table, at=column, written=written, older=older) for kind in kinds]
        return " UNION ALL ".join(each)
    if source == "conversion":
        return CONVERSION.format(kind=next(iter(kinds)), older=older)
    shape = {"change": CHANGE, "with_move": CHANGE, "prior": PRIOR, "move": MOVE}[source]
    return shape.format(older=older, of_moves=OF_MOVES, not_="" if source == "with_move" else "NOT ")


def _merged(found: list[Row], most: int) -> list[Row]:
    """The sources in one, each in its own order: of their next rows always the newest."""
    waiting: dict[str, list[Row]] = {}
    for row in reversed(found):
        waiting.setdefault(row.source, []).append(row)
    for rows in waiting.values():
        rows.sort(key=lambda row: (row.at, row.id))
    heads = [_Head(rows) for rows in waiting.values()]
    heapq.heapify(heads)
    merged: list[Row] = []
    while heads and len(merged) < most:
        head = heads[0]
        merged.append(head.rows.pop())
        if head.rows:
            heapq.heapreplace(heads, head)
        else:
            heapq.heappop(heads)
    return merged


@dataclass(slots=True)
class _Head:
    rows: list[Row]

    def __lt__(self, other: _Head) -> bool:
        return self.rows[-1].key > other.rows[-1].key


def stopped_at(shown: Iterable[Row], before: Place) -> Place:
    """Where each source stopped once these rows were shown."""
    place = dict(before)
    for row in shown:
        place[row.source] = (row.at.astimezone(UTC).isoformat(), row.id)
    return place


def write_place(place: Place) -> str:
    """The place as it stands in an address."""
    text = json.dumps(dict(sorted(place.items())), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_place(text: str) -> Place | None:
    """The place in an address; None for what is none."""
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        place = {str(source): (str(at), int(pk)) for source, (at, pk) in found.items()}
        known = {one for only in KINDS for one in narrowed(only)}
        if not place.keys() <= known or any(not 0 <= pk < 2**63 for _, pk in place.values()):
            return None
        for at, _ in place.values():
            datetime.fromisoformat(at).astimezone(UTC)
    except (ValueError, TypeError, AttributeError, binascii.Error, OverflowError):
        return None
    return place
