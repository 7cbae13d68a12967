"""What the API of the forecast answers, for its description."""

from __future__ import annotations

from typing import Any

from crm.reviews.forecast.asked import PARTS
from crm.reviews.forecast.backtest import READINGS
from crm.reviews.forecast.snapshots import KEPT

COUNT = {"type": "integer", "minimum": 0}
AMOUNT = {"type": "string", "description": "In the company's currency, with two decimals."}
MAYBE_AMOUNT = {**AMOUNT, "type": ["string", "null"]}
PERCENT = {"type": ["integer", "null"]}
DAY = {"type": "string", "format": "date"}
TEXT = {"type": "string"}
APART = {
    "type": "object",
    "additionalProperties": TEXT,
    "description": "Amounts without a rate, by currency: never added.",
}


def shape(properties: dict[str, Any]) -> dict[str, Any]:
    """An object with exactly these."""
    return {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": False}


def many(items: dict[str, Any]) -> dict[str, Any]:
    """A list of these."""
    return {"type": "array", "items": shape(items)}


SUM = shape({"amount": AMOUNT, "count": COUNT, "without_amount": COUNT, "without_rate": APART})
FIGURES: dict[str, Any] = {
    **dict.fromkeys(PARTS, SUM),
    "weighted": SUM,
    "quota": MAYBE_AMOUNT,
    "quota_without_rate": APART,
    "missing": {**MAYBE_AMOUNT, "description": "To the quota; nothing once it is met."},
    "attained_percent": {**PERCENT, "description": "won / quota"},
    "coverage_percent": {**PERCENT, "description": "(commit + best case + pipeline) / missing"},
}
QUARTER: dict[str, Any] = {"quarter": DAY, "last_day": DAY, "label": TEXT}
KEY = {"type": ["integer", "null"], "description": "null: nobody, no team."}
ANSWER = shape(
    {
        **QUARTER,
        "over": {"type": "boolean"},
        "currency": TEXT,
        "total": shape(FIGURES),
        "owners": many({"owner_id": KEY, "name": TEXT, **FIGURES}),
        "teams": many({"team_id": KEY, "name": TEXT, **FIGURES}),
    }
)
SNAPSHOTS = shape(
    {
        **QUARTER,
        "results": many(
            {
                "week": {**DAY, "description": "Its Monday."},
                "taken_at": {"type": "string", "format": "date-time"},
                **dict.fromkeys((*KEPT, "weighted"), AMOUNT),
                "quota": MAYBE_AMOUNT,
                "won_count": COUNT,
                "open_count": COUNT,
                "without_rate": {"type": "object", "additionalProperties": APART},
            }
        ),
    }
)
READING = shape({"amount": AMOUNT, "error_percent": PERCENT})
BACKTEST = shape(
    {
        "currency": TEXT,
        "mean_errors": many({"number": COUNT, **dict.fromkeys(READINGS, PERCENT)}),
        "quarters": many(
            {
                **QUARTER,
                "result": AMOUNT,
                "weeks": many(
                    {
                        "number": COUNT,
                        "week": DAY,
                        "source": {"type": "string", "enum": ["kept", "history"]},
                        **dict.fromkeys(READINGS, READING),
                    }
                ),
            }
        ),
    }
)
