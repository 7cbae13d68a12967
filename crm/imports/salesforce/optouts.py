"""Opt-outs of another system come in as do not contacts (D5): also of rows that are held, never twice, never lifting.

`HasOptedOutOfEmail` and `DoNotCall` bar their channel, a bounced address that address; `HasOptedOutOfFax` is kept only.
What a manager lifted stays lifted while the file says the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from crm import handbook
from crm.activities.models import SuppressedKey, Suppression
from crm.activities.naming import Named
from crm.activities.suppressing import Row, fit, suppress_many
from crm.imports.salesforce.columns import Layout
from crm.imports.salesforce.planning import PLAN, STAGED
from crm.imports.salesforce.values import is_true
from crm.sync.store import frame

Kind, Scope = SuppressedKey.Kind, Suppression.Scope
KINDS = ("lead", "contact")
# The column that says so, and what it covers; of a bounce any of three columns may be the one that is filled in.
OPT_OUTS = (("HasOptedOutOfEmail", Scope.EMAIL), ("DoNotCall", Scope.CALLS))
BOUNCED = ("IsEmailBounced", "EmailBouncedDate", "EmailBouncedReason")
COLUMNS = [name for name, _ in OPT_OUTS] + list(BOUNCED)
# What names a person among the staged columns; the first email is the one that bounces.
EMAILS = ("email", "second_email", "personal_email")
PHONES = (("phone", "phone_key"), ("mobile", "mobile_key"))
BATCH = 2000


def suppress_opted_out(cursor: Any, layout: Layout) -> None:
    """Make a do not contact of every opt-out among the staged rows; who was erased here is left alone."""
    if layout.kind.object not in KINDS or not set(COLUMNS) & {name for _, name in layout.keep}:
        return
    listed = ", ".join(_columns(layout))
    cursor.execute(
        f"SELECT s.external_id, s.kept, {listed} FROM {STAGED} s JOIN {PLAN} p USING (n)"
        " WHERE s.kept ?| %s AND p.hold IS DISTINCT FROM 'erased'"
        " AND NOT COALESCE(p.was ? 'erased', false) ORDER BY s.n",
        [COLUMNS],
    )
    while found := cursor.fetchmany(BATCH):
        rows = [row for one, kept, *values in found for row in _rows(layout, one, orjson.loads(kept), values)]
        acting = frame()
        suppress_many(rows, actor=acting.actor, at=acting.at, via=acting.via)


def _columns(layout: Layout) -> Iterator[str]:
    """SQL: the addresses, and the keys that the database matches them by, in a fixed order."""

    def staged(column: str) -> str:
        return f"COALESCE(s.\"{column}\", '')" if column in layout.at else "''"

    for email in EMAILS:
        yield staged(email)
        yield f"email_key({staged(email)})"
    yield staged("linkedin_url")
    yield f"linkedin_key({staged('linkedin_url')})"
    for phone, key in PHONES:
        yield staged(phone)
        yield staged(key)


def _rows(layout: Layout, external_id: str, kept: Mapping[str, str], values: list[str]) -> Iterator[Row]:
    """The do not contacts that one row asks for."""
    kinds = (*(Kind.EMAIL for _ in EMAILS), Kind.LINKEDIN, *(Kind.PHONE for _ in PHONES))
    pairs = zip(kinds, values[::2], values[1::2], strict=True)
    named = [Named(kind, value, key) for kind, value, key in pairs if key]
    where = f"Salesforce {layout.kind.name} {external_id}"
    for column, scope in OPT_OUTS:
        if is_true(kept.get(column, "")):
            yield from _row(named, scope, f"{where}: {column}", "")
    said = {name: kept[name] for name in BOUNCED if kept.get(name)}
    if said.get("EmailBouncedDate") or said.get("EmailBouncedReason") or is_true(said.get("IsEmailBounced", "")):
        address = [one for one in named if one.kind == Kind.EMAIL and one.key == values[1]]
        note = ", ".join(f"{name}: {value}" for name, value in said.items())
        yield from _row(address, Scope.ADDRESS, f"{where}: bounced {said.get('EmailBouncedDate', '')}".strip(), note)


def _row(named: list[Named], scope: str, came_from: str, note: str) -> Iterator[Row]:
    """One, by the handbook's first reason of that scope; none when the handbook has none or nothing names anybody."""
    reason = next((one.key for one in handbook.current().lead.do_not_contact_reasons if one.scope == scope), "")
    wanted = tuple({one.term: one for one in fit(named, scope)}.values())
    if reason and wanted:
        yield Row(wanted, reason, frame().at, note, came_from[:255], once=True)
