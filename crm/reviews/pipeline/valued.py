"""What an opportunity is worth: SQL that forecasts and reviews share, whatever rows it is asked of.

Money is the company's: an amount at the handbook's rate on the close date (of one without a close date, on the day it
is looked at), to the cent. An amount in a currency without a rate then has no `worth`: it is listed by its own
currency, and never added. An opportunity without an amount has none either. `weighted` is the worth times the
probability of the stage, to the cent; `category` the forecast category, the stated one while it is open.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from contracts.rates import rates_json, rates_sql
from contracts.stages import stage_keys
from crm import handbook

# The columns that a source of rows has for `valued`, in the order of the table.
COLUMNS = (
    "id", "name", "account_id", "owner_id", "type", "amount", "currency", "close_on", "stated_forecast", "confidence",
    "next_step", "next_step_due", "stage", "since", "born",
)  # fmt: skip
PRESENT = """
    SELECT o.id, o.name, o.account_id, o.owner_id, o.type, o.amount, o.currency, o.close_on, o.stated_forecast,
           o.confidence, o.next_step, o.next_step_due, o.stage, o.stage_since AS since, o.created_at AS born
    FROM contracts_opportunity o
"""
# A stage that is not known, of one that was in another system then, is one that is open: closing has a day there.
VALUED = """
    SELECT v.*, round(v.worth * v.probability / 100, 2) AS weighted
    FROM (
        SELECT o.*, COALESCE(s.kind, CASE WHEN o.stage = '' THEN 'open' ELSE '' END) AS kind, s.probability,
               CASE WHEN COALESCE(s.kind, 'open') = 'open' AND o.stated_forecast <> '' THEN o.stated_forecast
                    ELSE COALESCE(s.forecast, '') END AS category,
               round(CASE WHEN o.currency = %({p}_currency)s THEN o.amount ELSE o.amount * r.rate END, 2) AS worth
        FROM ({rows}) o
        LEFT JOIN jsonb_to_recordset(%({p}_stages)s::jsonb)
            AS s (key text, kind text, probability integer, forecast text) ON s.key = o.stage
        LEFT JOIN ({rates}) r ON r.currency = o.currency AND COALESCE(o.close_on, {day}) >= r.since
           AND (r.until IS NULL OR COALESCE(o.close_on, {day}) < r.until)
        {where}
    ) v
"""
Statement = tuple[str, dict[str, Any]]


def valued(rows: str, at: datetime, *, named: str = "at", where: str = "", day: str = "") -> Statement:
    """These rows (a SELECT with `COLUMNS`) with `kind`, `probability`, `category`, `worth` and `weighted`.

    `named` begins the names of its parameters, so that two can stand in one statement. `where` may ask of `o` (the
    row) and `s` (its stage). `day` is the column with the day that a row is looked at; without one, it is that of `at`.
    """
    book = handbook.current()
    stages = [
        {"key": one.key, "kind": one.kind, "probability": one.probability, "forecast": one.forecast}
        for one in book.opportunity.stages
    ]
    params: dict[str, Any] = {
        f"{named}_stages": json.dumps(stages),
        f"{named}_rates": rates_json(),
        f"{named}_currency": book.company.currency,
        f"{named}_day": book.today(at),
    }
    table = rates_sql(f"{named}_rates")
    statement = VALUED.format(rows=rows, p=named, rates=table, where=where, day=day or f"%({named}_day)s")
    return statement, params


def present(at: datetime, *, named: str = "at") -> Statement:
    """Every opportunity that is open now, valued."""
    statement, params = valued(PRESENT, at, named=named, where=f"WHERE o.stage = ANY(%({named}_open)s)")
    return statement, {**params, f"{named}_open": stage_keys("open")}
