"""The figures of a huddle at its start: how many, how much, how likely, and how promises were kept since last time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db.models import Count
from django.utils.formats import date_format, number_format

from contracts.models import NextStep
from contracts.models.choices import FORECASTS
from contracts.stages import find_stage
from crm import handbook
from crm.reviews.huddle.agenda import NOT_KEPT, Place
from crm.reviews.huddle.rows import Row
from crm.reviews.huddle.scopes import OWNER, TEAM
from crm.reviews.meetings.kinds import Scope
from crm.reviews.models import Meeting

CENT = Decimal("0.01")


def totals_of(places: Sequence[Place], scope: Scope, *, last: Meeting | None, at: datetime) -> dict[str, Any]:
    """Everything as JSON; amounts in the company's currency, those without a rate apart by currency, never added."""
    rows = [place.row for place in places]
    since = last.ended_at if last else None
    kept = _kept_since(scope, since, at) if since else {}
    return {
        "count": len(rows),
        "currency": handbook.current().company.currency,
        "amount": _sum(rows),
        "weighted": _sum(rows, weighted=True),
        "without_amount": sum(row.amount is None for row in rows),
        "apart": _apart(rows),
        "categories": {
            key: {
                "count": len(among),
                "amount": _sum(among),
                "weighted": _sum(among, weighted=True),
            }
            for key in FORECASTS
            if (among := [row for row in rows if category_of(row) == key])
        },
        "since": since.isoformat() if since else None,
        "promises": {
            "kept": kept.get(NextStep.Outcome.KEPT, 0),
            "late": kept.get(NextStep.Outcome.LATE, 0),
            "not_kept": sum(any(code in NOT_KEPT for code in place.reasons) for place in places),
        },
    }


def category_of(row: Row) -> str:
    """Its forecast category: the stated one, else its stage's."""
    stage = find_stage(row.stage)
    return row.stated_forecast or (stage.forecast if stage else "")


def _sum(rows: Sequence[Row], *, weighted: bool = False) -> str:
    total = Decimal(0)
    for row in rows:
        stage = find_stage(row.stage)
        if row.worth is not None:
            total += row.worth * (stage.probability if stage else 0) / 100 if weighted else row.worth
    return str(total.quantize(CENT, ROUND_HALF_UP))


def _apart(rows: Sequence[Row]) -> dict[str, str]:
    found: dict[str, Decimal] = {}
    for row in rows:
        if row.amount is not None and row.worth is None:
            found[row.currency] = found.get(row.currency, Decimal(0)) + row.amount
    return {name: str(found[name]) for name in sorted(found)}


def _kept_since(scope: Scope, since: datetime, at: datetime) -> dict[str, int]:
    """How many promises were kept since, of what is won by now as well."""
    steps = NextStep.objects.filter(ended_at__gt=since, ended_at__lte=at)
    if OWNER in scope:
        steps = steps.filter(opportunity__owner=int(scope[OWNER]))
    if TEAM in scope:
        steps = steps.filter(opportunity__owner__team=int(scope[TEAM]))
    counted = steps.filter(outcome__in=["kept", "late"]).order_by().values_list("outcome").annotate(many=Count("pk"))
    return dict(counted)


def figures_of(totals: Mapping[str, Any]) -> dict[str, str]:
    """The totals as minutes tell them: label to value, in order."""
    unit = str(totals.get("currency", ""))
    said = {"Open opportunities": f"{totals.get('count', 0):,}", "Amount": money(totals.get("amount"), unit)}
    said["Without an amount"] = f"{totals.get('without_amount', 0):,}"
    for name, amount in (totals.get("apart") or {}).items():
        said[f"{name}, no rate"] = money(amount, name)
    said["Weighted"] = money(totals.get("weighted"), unit)
    categories = totals.get("categories") or {}
    # As stored, keys have an order of their own.
    for key in (key for key in FORECASTS if key in categories):
        one = categories[key]
        words = f"{money(one['amount'], unit)} ({one['count']:,}), weighted {money(one['weighted'], unit)}"
        said[FORECASTS[key]] = words
    promises = totals.get("promises") or {}
    since = datetime.fromisoformat(totals["since"]) if totals.get("since") else None
    day = date_format(since.astimezone(handbook.current().zone), "DATE_FORMAT") if since else ""
    kept, late, broken = (promises.get(name, 0) for name in ("kept", "late", "not_kept"))
    since_words = f"{kept} kept, {late} kept late since {day}, " if day else ""
    said["Promises"] = f"{since_words}{broken} not kept"
    return said


def money(amount: Any, currency: str) -> str:
    """An amount with its currency; nothing where there is none, cents only where there are some."""
    if amount in (None, ""):
        return ""
    value = Decimal(str(amount))
    places = 0 if value == value.to_integral_value() else 2
    return f"{number_format(value, decimal_pos=places, force_grouping=True)} {currency}".strip()
