"""What each opportunity counts as in the forecast of a quarter, and what it is worth: the one definition (C8).

By its close date it belongs to one quarter. There it is `won` (whole, once), or open under its forecast category: the
stated one, else its stage's. Lost, or in a stage that left the handbook, it is nothing. An open one whose close date
has passed is `past_due`: nobody says any more when it closes, so it is in no category, of its own quarter or another,
until it is given a day; `earlier` are those of quarters before, `undated` those without a close date.

Worth is in the company's currency at the handbook's rate on the close date (without one: today's), to the cent; None
without an amount, or without a rate. Weighted is worth times the stage's probability, to the cent for each, of what is
open in any category, omitted too: it is what the stages say, whatever anybody stated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from contracts.flow import stage_keys
from crm import handbook
from crm.reviews.forecast.asked import OPEN_PARTS, Asked

NOW = "SELECT id, owner_id, stage, stated_forecast, amount, currency, close_on FROM contracts_opportunity"
# The rows of `source` with what they count as on the day `today`. Columns of the source: those of NOW.
STANDING = """
    SELECT o.id, o.owner_id, o.amount, o.currency, o.close_on, o.stage, s.part,
           CASE WHEN s.part = ANY(%(open_parts)s) THEN p.probability ELSE 0 END AS probability,
           round(CASE WHEN o.currency = %(currency)s THEN o.amount ELSE o.amount * r.rate END, 2) AS worth
    FROM ({source}) o
    LEFT JOIN (SELECT * FROM jsonb_to_recordset(%(stages)s::jsonb)
               AS one (stage text, probability int, forecast text)) p ON p.stage = o.stage
    LEFT JOIN (SELECT currency, since, rate, lead(since) OVER (PARTITION BY currency ORDER BY since) AS until
               FROM jsonb_to_recordset(%(rates)s::jsonb) AS one (currency text, since date, rate numeric)) r
           ON r.currency = o.currency AND COALESCE(o.close_on, %(today)s) >= r.since
          AND (r.until IS NULL OR COALESCE(o.close_on, %(today)s) < r.until)
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN o.stage = ANY(%(won)s) THEN CASE WHEN o.close_on BETWEEN %(first)s AND %(last)s THEN 'won' END
            WHEN o.stage <> ALL(%(open)s) THEN NULL
            WHEN o.close_on IS NULL THEN 'undated'
            WHEN o.close_on > %(last)s THEN NULL
            WHEN o.close_on < %(today)s THEN CASE WHEN o.close_on >= %(first)s THEN 'past_due' ELSE 'earlier' END
            WHEN o.close_on < %(first)s THEN NULL
            WHEN o.stated_forecast = ANY(%(open_parts)s) THEN o.stated_forecast
            ELSE p.forecast
        END AS part
    ) s
    WHERE s.part IS NOT NULL
"""


def params_of(first: date, last: date, today: date) -> dict[str, Any]:
    """The handbook's part of the statement, for a quarter seen on a day."""
    book = handbook.current()
    stages = [
        {"stage": one.key, "probability": one.probability, "forecast": one.forecast} for one in book.opportunity.stages
    ]
    rates = [{"currency": r.currency, "since": r.since.isoformat(), "rate": r.rate} for r in book.company.rates]
    return {
        "first": first,
        "last": last,
        "today": today,
        "currency": book.company.currency,
        "open_parts": list(OPEN_PARTS),
        "won": stage_keys("won"),
        "open": stage_keys("open"),
        "stages": json.dumps(stages),
        "rates": json.dumps(rates),
    }


def narrowed(asked: Asked) -> tuple[str, dict[str, Any]]:
    """The condition of whose and which opportunities are asked for, over the rows of STANDING."""
    clauses, params = ["part = ANY(%(parts)s)"], {"parts": list(asked.parts)}
    if asked.owner is not None:
        clauses.append("owner_id = %(owner)s" if asked.owner else "owner_id IS NULL")
        params["owner"] = asked.owner  # type: ignore[assignment]
    if asked.team is not None:
        team = "team_id = %(team)s" if asked.team else "team_id IS NULL"
        members = f"owner_id IN (SELECT id FROM people_user WHERE {team})"
        clauses.append(members if asked.team else f"(owner_id IS NULL OR {members})")
        params["team"] = asked.team  # type: ignore[assignment]
    if asked.lack:
        clauses.append("amount IS NULL" if asked.lack == "amount" else "amount <> 0 AND worth IS NULL")
    return " AND ".join(clauses), params


def positional(statement: str, params: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The statement with its parameters in order, as expressions of the ORM take them."""
    given = [params[name] for name in re.findall(r"%\((\w+)\)s", statement)]
    return re.sub(r"%\(\w+\)s", "%s", statement), given
