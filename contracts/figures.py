"""The figures of an account (C6): what its contracts, invoices and opportunities come to.

One SQL statement for given accounts; nothing is stored and no account is locked, so that they are right whatever way
a contract, an invoice or an opportunity was written.

- `invoice_sent`, `payment_received`: the latest day an invoice of its contracts was sent, and one was paid.
- `subscription_end`: the latest last day of its agreed contracts; of a terminated one, the day before its termination.
- `total_opportunities`, `deals_won`: how many opportunities it has, and how many of them are won.
- `first_close`: the earliest close date of its agreed contracts and won opportunities.
- `contracted_hosts`: the hosts of its contracts in force today.
- `revenue`: the amounts of its agreed contracts, in the company's currency at the handbook's rate on the close date,
  each to the cent. A terminated contract counts pro rata for the days it was served out of the days that were agreed,
  and for nothing where its dates do not say. An amount in another currency without a rate on its close date (or
  without a close date) is listed apart, by currency, and never added.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils.formats import number_format

from contracts.flow import stage_keys
from contracts.rates import rates_json, rates_sql
from contracts.signing import AGREED
from crm import handbook
from crm.core.errors import Refused

# More accounts than these are not asked at once: a list that is sorted by a figure is narrowed by a filter first.
MOST = 10_000

SQL = f"""
WITH asked AS (SELECT unnest(%(ids)s::bigint[]) AS id),
rate AS ({rates_sql()}),
contract AS (
    SELECT c.id, c.account_id, c.status, c.close_date, c.effective_date, c.end_date, c.terminated_on, c.hosts,
           c.currency, c.status = ANY(%(agreed)s) AS agreed,
           CASE WHEN c.status = ANY(%(agreed)s) THEN c.amount
                WHEN c.status = 'terminated' AND c.terminated_on IS NOT NULL AND c.end_date >= c.effective_date
                THEN round(
                    c.amount * GREATEST(0, LEAST(c.terminated_on, c.end_date + 1) - c.effective_date)
                    / (c.end_date - c.effective_date + 1), 2)
           END AS counts
    FROM contracts_contract c WHERE c.account_id = ANY(%(ids)s)),
valued AS (
    SELECT c.*, round(CASE WHEN c.currency = %(currency)s THEN c.counts ELSE c.counts * r.rate END, 2) AS worth
    FROM contract c LEFT JOIN rate r ON r.currency = c.currency AND c.close_date >= r.since
                                    AND (r.until IS NULL OR c.close_date < r.until)),
signed AS (
    SELECT account_id,
           max(CASE WHEN agreed THEN end_date
                    WHEN status = 'terminated' AND terminated_on > effective_date
                    THEN LEAST(end_date, terminated_on - 1) END) AS subscription_end,
           min(close_date) FILTER (WHERE agreed OR status = 'terminated') AS first_close,
           sum(hosts) FILTER (WHERE agreed AND effective_date <= %(today)s
                                AND (end_date IS NULL OR end_date >= %(today)s)) AS hosts,
           sum(worth) AS worth
    FROM valued GROUP BY account_id),
apart AS (
    SELECT account_id, jsonb_object_agg(currency, total::text ORDER BY currency) AS apart
    FROM (SELECT account_id, currency, sum(counts) AS total FROM valued
          WHERE counts IS NOT NULL AND counts <> 0 AND worth IS NULL GROUP BY 1, 2) t
    GROUP BY account_id),
billed AS (
    SELECT c.account_id, max(i.sent_on) AS sent, max(i.paid_on) AS paid
    FROM contract c JOIN contracts_invoice i ON i.contract_id = c.id GROUP BY c.account_id),
sold AS (
    SELECT o.account_id, count(*) AS total, count(*) FILTER (WHERE o.stage = ANY(%(won)s)) AS won,
           min(o.close_on) FILTER (WHERE o.stage = ANY(%(won)s)) AS first_close
    FROM contracts_opportunity o WHERE o.account_id = ANY(%(ids)s) GROUP BY o.account_id)
SELECT a.id, b.sent, b.paid, s.subscription_end, COALESCE(o.total, 0), COALESCE(o.won, 0),
       LEAST(s.first_close, o.first_close), COALESCE(s.worth, 0), COALESCE(p.apart, '{{}}')::text, COALESCE(s.hosts, 0)
FROM asked a LEFT JOIN signed s ON s.account_id = a.id LEFT JOIN apart p ON p.account_id = a.id
LEFT JOIN billed b ON b.account_id = a.id LEFT JOIN sold o ON o.account_id = a.id
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one account. `revenue` is in the company's currency; `apart` has what could not be added, by
    currency."""

    invoice_sent: date | None = None
    payment_received: date | None = None
    subscription_end: date | None = None
    total_opportunities: int = 0
    deals_won: int = 0
    first_close: date | None = None
    revenue: Decimal = Decimal(0)
    apart: Mapping[str, Decimal] = field(default_factory=dict)
    contracted_hosts: int = 0
    currency: str = ""

    @property
    def cumulative_revenue(self) -> Decimal | list[Decimal | str]:
        """The revenue; where some of it could not be added, a list: the sum, then each amount that is apart."""
        if not self.apart:
            return self.revenue
        said = [f"{number_format(amount, force_grouping=True)} {name}, no rate" for name, amount in self.apart.items()]
        return [*([self.revenue] if self.revenue else []), *said]


def figures_of(ids: Sequence[int], at: datetime) -> dict[int, Figures]:
    """The figures of each of these accounts, in one query.

    Raises:
        Refused: `too_many` above ten thousand accounts.
    """
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MOST:
        raise Refused("too_many", f"Figures are worked out for {MOST:,} accounts at most: filter the list first.")
    book = handbook.current()
    values: dict[str, Any] = {
        "ids": wanted,
        "today": book.today(at),
        "currency": book.company.currency,
        "rates": rates_json(),
        "agreed": [str(status) for status in AGREED],
        "won": stage_keys("won"),
    }
    with connection.cursor() as cursor:
        cursor.execute(SQL, values)
        return {row[0]: _read(row, book.company.currency) for row in cursor.fetchall()}


def _read(row: Sequence[Any], currency: str) -> Figures:
    _, sent, paid, ends, total, won, first_close, revenue, apart, hosts = row
    amounts = {name: Decimal(text) for name, text in json.loads(apart).items()}
    return Figures(sent, paid, ends, total, won, first_close, Decimal(revenue), amounts, int(hosts), currency)


KEPT = "_figures"


def figures_for(records: Sequence[Any], at: datetime) -> dict[int, Figures]:
    """As `figures_of`, for the records of a page: asked once, however many figures it shows."""
    known = [record.__dict__.get(KEPT) for record in records]
    if not all(one is not None and one[0] == at for one in known):
        found = figures_of([record.pk for record in records], at)
        for record in records:
            record.__dict__[KEPT] = (at, found.get(record.pk, Figures()))
    return {record.pk: record.__dict__[KEPT][1] for record in records}


def value_of(name: str) -> Callable[[Sequence[Any], datetime], Mapping[int, Any]]:
    """One figure of each record of a page, as fields are declared by."""

    def values(records: Sequence[Any], at: datetime) -> Mapping[int, Any]:
        return {pk: getattr(one, name) for pk, one in figures_for(records, at).items()}

    return values
