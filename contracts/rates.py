"""The handbook's exchange rates as a statement reads them: each with the day from which the next one counts."""

from __future__ import annotations

import json

from crm import handbook


def rates_sql(name: str = "rates") -> str:
    """A table of currency, since, rate and until; `name` is the parameter that `rates_json` is given by."""
    return f"""
    SELECT currency, since, rate, lead(since) OVER (PARTITION BY currency ORDER BY since) AS until
    FROM jsonb_to_recordset(%({name})s::jsonb) AS r (currency text, since date, rate numeric)"""


def rates_json() -> str:
    """The rates of the handbook in force, for `rates_sql`."""
    rates = handbook.current().company.rates
    return json.dumps([{"currency": r.currency, "since": r.since.isoformat(), "rate": str(r.rate)} for r in rates])
