"""Which staged rows are new, which are known, where their links lead, and which must wait for a person."""

from __future__ import annotations

from typing import Any

from accounts.models import Account, Contact
from contracts.models import Contract, Opportunity
from crm.imports.salesforce import SYSTEM
from crm.imports.salesforce.columns import Layout
from crm.imports.salesforce.kinds import NOBODY, Link
from crm.people.models import User
from leads.models import Lead

TABLES = {
    "user": User._meta.db_table,
    "account": Account._meta.db_table,
    "contact": Contact._meta.db_table,
    "opportunity": Opportunity._meta.db_table,
    "contract": Contract._meta.db_table,
    "lead": Lead._meta.db_table,
}
STAGED, PLAN, KNOWN, MERGED = "import_staged", "import_plan", "import_known", "import_merged"
CHANGED, FLAGS = "import_changed", "import_flags"
ALL = (STAGED, PLAN, KNOWN, MERGED, CHANGED, FLAGS)
# What an import says of somebody who was erased on request.
PEOPLE = ("lead", "contact")
ERASED = "The person was erased on request: left out."


def make_plan(cursor: Any, layout: Layout) -> None:
    """Find each row by its id, draw ids for the new ones, and follow the links that lead to other objects.

    A linked record is looked up in its own table too: an id may outlive the record it named.
    """
    kind = layout.kind
    outward = [link for link in layout.links if link.object != kind.object]
    _leave_the_erased_out(cursor, kind.key)
    targets = "".join(f', {_target(i, link)} AS "{link.column}"' for i, link in enumerate(outward))
    inward = "".join(f', NULL::bigint AS "{link.column}"' for link in layout.links if link.object == kind.object)
    cursor.execute(
        f"""
        CREATE TEMP TABLE {PLAN} ON COMMIT DROP AS
        SELECT d.*, CASE WHEN d.is_new AND d.hold IS NULL THEN nextval(pg_get_serial_sequence(%s, 'id'))
                         ELSE d.known END AS record_id
        FROM (SELECT s.n, s.external_id, e.id AS external_pk, e.record_id AS known, e.id IS NULL AS is_new,
                     e.seen AS was {targets} {inward}, {_hold(layout, outward)} AS hold
              FROM {STAGED} s
              LEFT JOIN sync_externalid e
                  ON e.object = %s AND e.system = '{SYSTEM}' AND e.value = s.external_id
              {_joins(outward)}
              ORDER BY s.n) d
        """,
        [kind.model._meta.db_table, kind.object],
    )
    for link in layout.links:
        if link.object == kind.object:
            _link_among_themselves(cursor, link)
    cursor.execute(f"CREATE TEMP TABLE {FLAGS} (n integer, code text, message text) ON COMMIT DROP")
    cursor.execute(f"CREATE TEMP TABLE {CHANGED} (record_id bigint) ON COMMIT DROP")
    cursor.execute(f"ANALYZE {PLAN}")


def _leave_the_erased_out(cursor: Any, name: str) -> None:
    """A row that was held when its person was erased stays out, whatever the file says of it."""
    cursor.execute(
        f"UPDATE {STAGED} s SET hold_code = 'erased', hold_message = %s FROM imports_heldrow h"
        f" WHERE h.object = %s AND h.system = '{SYSTEM}' AND h.external_id = s.external_id AND h.code = 'erased'",
        [ERASED, name],
    )


def _target(i: int, link: Link) -> str:
    return f'COALESCE(t{i}.id, v{i}."{link.through[1]}")' if link.through else f"t{i}.id"


def _joins(links: list[Link]) -> str:
    """The record that each link names; also the one through which it leads there."""
    parts = []
    for i, link in enumerate(links):
        parts.append(_join(f"x{i}", f"t{i}", link.object, link))
        if link.through:
            parts.append(_join(f"y{i}", f"v{i}", link.through[0], link))
    return "\n".join(parts)


def _join(by_id: str, record: str, object: str, link: Link) -> str:
    value = f's."x_{link.column}"'
    return (
        f"LEFT JOIN sync_externalid {by_id} ON {by_id}.object = '{object}' AND {by_id}.system = '{SYSTEM}'"
        f" AND {by_id}.value = {value} LEFT JOIN {TABLES[object]} {record} ON {record}.id = {by_id}.record_id"
    )


def _hold(layout: Layout, outward: list[Link]) -> str:
    """Why a new row cannot be stored, else NULL."""
    kind, whens = layout.kind, []
    found = {link.column: _target(i, link) for i, link in enumerate(outward)}
    if kind.together:
        # What was said with somebody names them as much as their own record did.
        erased = " OR ".join(f"x{i}.seen ? 'erased'" for i, link in enumerate(outward) if link.object in PEOPLE)
        whens += [f"WHEN {erased} THEN 'erased'"] if erased else []
    for needed in kind.needed_links:
        states = ", ".join(f"'{state}'" for state, columns in kind.come_with.items() if needed.column in columns)
        when = f's."{layout.flow}" IN ({states}) AND ' if states else ""
        whens.append(f"WHEN {when}{found.get(needed.column, 'NULL::bigint')} IS NULL THEN '{needed.object}_not_found'")
    if kind.together:
        nobody = " AND ".join(f"{found[column]} IS NULL" for column in kind.together if column in found)
        whens.append(f"WHEN {nobody or 'true'} THEN '{NOBODY}'")
    return f"COALESCE(s.hold_code, CASE {' '.join(whens)} END)" if whens else "s.hold_code"


def lost(links: list[Link]) -> str:
    """SQL: whether a column of the file has an id that leads to none of the objects it may lead to."""
    theirs, ours = leads_to(links)
    return f"({theirs} IS NOT NULL AND {ours} IS NULL)"


def leads_to(links: list[Link]) -> tuple[str, str]:
    """SQL: the id that a column of the file has, and ours for it."""
    theirs = ", ".join(f's."x_{link.column}"' for link in links)
    ours = ", ".join(f'p."{link.column}"' for link in links)
    return f"COALESCE({theirs})", f"COALESCE({ours})"


def _link_among_themselves(cursor: Any, link: Link) -> None:
    """Follow a link within one object (a parent account), in this file and among those that came earlier."""
    cursor.execute(
        f"""
        UPDATE {PLAN} p SET "{link.column}" = found.id
        FROM (SELECT s.n, COALESCE(o.record_id, t.id) AS id
              FROM {STAGED} s
              LEFT JOIN {PLAN} o ON o.external_id = s."x_{link.column}" AND o.is_new
              LEFT JOIN sync_externalid x
                  ON x.object = %s AND x.system = '{SYSTEM}' AND x.value = s."x_{link.column}"
              LEFT JOIN {TABLES[link.object]} t ON t.id = x.record_id
              WHERE s."x_{link.column}" IS NOT NULL) found
        WHERE found.n = p.n AND found.id IS DISTINCT FROM p.record_id
        """,
        [link.object],
    )


def unresolved(layout: Layout) -> str:
    """SQL: the ids of links that lead nowhere, by their column in the file, as JSON."""
    parts = [f"'{source}', CASE WHEN {lost(links)} THEN {leads_to(links)[0]} END" for source, links in layout.sources]
    return f"jsonb_strip_nulls(jsonb_build_object({', '.join(parts)}))"


def kept(layout: Layout) -> str:
    """SQL: what is kept with the record, links that lead nowhere among it."""
    if not layout.links:
        return "s.kept"
    any_lost = " OR ".join(lost(links) for _, links in layout.sources)
    return f"CASE WHEN {any_lost} THEN s.kept || {unresolved(layout)} ELSE s.kept END"


def seen(layout: Layout) -> str:
    """SQL: the checksums of the row, and where its links lead."""
    if not layout.links:
        return "s.seen"
    columns = [link.column for link in layout.links]
    parts = ", ".join(f"'{column}', p.\"{column}\"" for column in columns)
    none = " AND ".join(f'p."{column}" IS NULL' for column in columns)
    return f"CASE WHEN {none} THEN s.seen ELSE s.seen || jsonb_strip_nulls(jsonb_build_object({parts})) END"
