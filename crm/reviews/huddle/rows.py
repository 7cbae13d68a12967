"""What an agenda is made of: every open opportunity in scope, in one statement, however many there are.

- `last_touch`: the latest touch with the opportunity, with a contract of it, with its contact, with its account, or
  with any contact of that account. This is the one definition for open opportunities.
- `existed`: since when it is known here: it was created, or was in its stage by then. What was never touched counts
  from this, so that the deadest never drops out.
- `worth`: the amount in the company's currency, by the handbook's rate on the close date (without one: today's); null
  where there is no amount or no rate.
- `was_close`, `was_amount`, `was_currency`: before the first change since last time, by the change log; null where
  nothing changed, or nothing was there. `repriced` says whether the amount changed at all.
- `postponed`, `rewritten`, `dropped`: whether a promise ended so since last time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from contracts.rates import rates_json, rates_sql
from contracts.stages import stage_keys
from crm import handbook
from crm.reviews.huddle.scopes import OWNER, TEAM
from crm.reviews.meetings.kinds import Scope

# Of the given opportunities `o`, by id: when each was last touched.
TOUCHED = """
    SELECT o.id, GREATEST(
        (SELECT max(t.happened_at) FROM activities_activity t
         WHERE t.opportunity_id = o.id AND t.happened_at <= %(at)s),
        (SELECT max(t.happened_at) FROM activities_activity t
         WHERE t.contact_id = o.contact_id AND t.happened_at <= %(at)s),
        (SELECT max(t.happened_at) FROM contracts_contract k JOIN activities_activity t ON t.contract_id = k.id
         WHERE k.opportunity_id = o.id AND t.happened_at <= %(at)s),
        c.last) AS last_touch
    FROM open o JOIN company c ON c.account_id = o.account_id"""
COMPANIES = """
    SELECT a.account_id, GREATEST(
        (SELECT max(t.happened_at) FROM activities_activity t
         WHERE t.account_id = a.account_id AND t.happened_at <= %(at)s),
        (SELECT max(t.happened_at) FROM accounts_contact p CROSS JOIN LATERAL (
             SELECT happened_at FROM activities_activity
             WHERE contact_id = p.id AND happened_at <= %(at)s ORDER BY happened_at DESC LIMIT 1) t
         WHERE p.account_id = a.account_id)) AS last
    FROM (SELECT DISTINCT account_id FROM open) a"""
# Before the first change since then: what it was last time.
BEFORE = """
    SELECT c.what -> '{column}' AS pair FROM history_change c
    WHERE c.object = 'opportunity' AND c.record_id = o.id AND c.at > %(since)s AND c.op = 'U' AND c.what ? '{column}'
    ORDER BY c.at, c.id LIMIT 1"""
BROKEN = """
    SELECT p.opportunity_id,
           bool_or(p.outcome = 'dropped') AS dropped,
           bool_or(p.outcome = 'rewritten' AND n.due_on > p.due_on) AS postponed,
           bool_or(p.outcome = 'rewritten' AND (n.due_on > p.due_on) IS NOT TRUE) AS rewritten
    FROM open o JOIN contracts_nextstep p ON p.opportunity_id = o.id LEFT JOIN LATERAL (
        SELECT due_on FROM contracts_nextstep n
        WHERE n.opportunity_id = p.opportunity_id AND (n.made_at, n.id) > (p.made_at, p.id)
        ORDER BY n.made_at, n.id LIMIT 1) n ON true
    WHERE p.ended_at > %(since)s AND p.outcome IN ('rewritten', 'dropped')
    GROUP BY p.opportunity_id"""
SQL = f"""
WITH rate AS ({rates_sql()}),
open AS (
    SELECT o.* FROM contracts_opportunity o LEFT JOIN people_user u ON u.id = o.owner_id
    WHERE o.stage = ANY(%(open)s) AND {{narrowed}}),
company AS MATERIALIZED ({COMPANIES}),
touched AS ({TOUCHED}),
broken AS ({BROKEN})
SELECT o.id, o.name, o.owner_id, btrim(concat_ws(' ', u.first_name, u.last_name)), u.email, a.name, o.stage,
       o.stage_since, o.amount, o.currency,
       round(CASE WHEN o.currency = %(currency)s THEN o.amount ELSE o.amount * r.rate END, 2),
       o.close_on, o.next_step, o.next_step_due, o.stated_forecast, o.confidence, o.version, t.last_touch,
       LEAST(o.created_at, o.stage_since), d.pair ->> 0, m.pair ->> 0, m.pair IS NOT NULL,
       y.pair ->> 0, COALESCE(b.postponed, false), COALESCE(b.rewritten, false), COALESCE(b.dropped, false)
FROM open o JOIN accounts_account a ON a.id = o.account_id LEFT JOIN people_user u ON u.id = o.owner_id
LEFT JOIN touched t ON t.id = o.id LEFT JOIN broken b ON b.opportunity_id = o.id
LEFT JOIN rate r ON r.currency = o.currency AND COALESCE(o.close_on, %(today)s) >= r.since
                 AND (r.until IS NULL OR COALESCE(o.close_on, %(today)s) < r.until)
LEFT JOIN LATERAL ({BEFORE.format(column="close_on")}) d ON true
LEFT JOIN LATERAL ({BEFORE.format(column="amount")}) m ON true
LEFT JOIN LATERAL ({BEFORE.format(column="currency")}) y ON true
"""
NARROWED = {OWNER: "o.owner_id = %(owner)s", TEAM: "u.team_id = %(team)s"}


@dataclass(frozen=True, slots=True)
class Row:
    """One open opportunity as an agenda looks at it; the fields are those of the module's docstring."""

    id: int
    name: str
    owner_id: int | None
    owner_name: str
    owner_email: str
    account: str
    stage: str
    stage_since: datetime
    amount: Decimal | None
    currency: str
    worth: Decimal | None
    close_on: date | None
    next_step: str
    next_step_due: date | None
    stated_forecast: str
    confidence: int | None
    version: int
    last_touch: datetime | None
    existed: datetime
    was_close: date | None
    was_amount: Decimal | None
    repriced: bool
    was_currency: str | None
    postponed: bool
    rewritten: bool
    dropped: bool

    @property
    def owner(self) -> str:
        """The owner's name; nothing where nobody owns it."""
        return self.owner_name or self.owner_email

    @property
    def touched(self) -> datetime:
        """When it was last touched, or has existed since."""
        return self.last_touch or self.existed


def money_facts(at: datetime) -> dict[str, Any]:
    """What a statement asks to convert amounts by the handbook's dated rates."""
    book = handbook.current()
    return {"rates": rates_json(), "currency": book.company.currency, "today": book.today(at)}


def narrowed(scope: Scope) -> str:
    """The condition of a scope, of opportunities `o` and their owners `u`."""
    return " AND ".join(condition for name, condition in NARROWED.items() if name in scope) or "true"


def open_rows(scope: Scope, *, since: datetime | None, at: datetime) -> list[Row]:
    """Every open opportunity in scope, in no order. `since` is last time; None where there was none."""
    values = {**money_facts(at), "open": stage_keys("open"), "since": since, "at": at, **scope}
    with connection.cursor() as cursor:
        cursor.execute(SQL.format(narrowed=narrowed(scope)), values)
        return [_read(row) for row in cursor.fetchall()]


def _read(row: Any) -> Row:
    found = list(row)
    names = Row.__slots__
    for name, kind in (("was_close", date.fromisoformat), ("was_amount", Decimal)):
        place = names.index(name)
        if found[place] is not None:
            found[place] = kind(found[place])
    for name in ("owner_name", "owner_email"):
        place = names.index(name)
        found[place] = found[place] or ""
    return Row(*found)
