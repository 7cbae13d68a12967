"""Weekly snapshots of the forecast: what was said at the time, kept as it was (C8).

The first run in a week of the company's calendar takes this quarter's and the next one's; a later run finds them taken,
also where nothing was in the quarter: the line of what nobody owns is always written. While another handbook is in
force than the one read here, nothing is taken.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from crm import handbook
from crm.core.acting import acting
from crm.core.locks import hold
from crm.handbook.services import is_applied
from crm.people.models import User
from crm.reviews import periods
from crm.reviews.forecast.asked import OPEN_PARTS, Asked, quarter_now
from crm.reviews.forecast.figures import Figures, forecast, whose
from crm.reviews.models import ForecastSnapshot

KEPT = ("won", *OPEN_PARTS)


def take_snapshots(*, at: datetime, via: str = "task") -> int:
    """Take the snapshots of this week unless they are taken; how many lines were written."""
    week = periods.week_of(handbook.current().today(at))
    if not is_applied() or taken(week):
        return 0
    with acting(actor=User.objects.system(), via=via, at=at):
        # Two that begin at once: the second waits here, and then finds them taken.
        hold(("forecast_snapshot", week.isoformat()))
        if taken(week):
            return 0
        first = quarter_now(at)
        rows = [one for quarter in (first, periods.next_quarter(first)) for one in lines(week, quarter, at)]
        return len(ForecastSnapshot.objects.bulk_create(rows))


def taken(week: date) -> bool:
    """Whether the snapshots of this week are there."""
    return ForecastSnapshot.objects.filter(week=week).exists()


def lines(week: date, quarter: date, at: datetime, *, was: bool = False) -> list[ForecastSnapshot]:
    """A line for each owner with anything in the quarter, a quota too, and one for what nobody owns; not stored yet.

    `was`: as it was at that moment, by history.
    """
    found = forecast(Asked(quarter), at=at, was=was)
    in_it = {pk: one for pk, one in found.owners.items() if one.in_quarter}
    in_it.setdefault(None, Figures())
    return [
        ForecastSnapshot(
            week=week,
            quarter=quarter,
            owner_id=pk,
            currency=found.currency,
            quota=one.quota,
            weighted=one.weighted.worth,
            open_count=one.open.count,
            won_count=one["won"].count,
            apart=apart_of(one),
            taken_at=at,
            **{part: one[part].worth for part in KEPT},
        )
        for pk, one in in_it.items()
    ]


def apart_of(one: Figures) -> dict[str, dict[str, str]]:
    """What has no rate: by currency the amount of each figure."""
    found: dict[str, dict[str, str]] = {}
    sums = [*((part, one[part].apart) for part in KEPT), ("weighted", one.weighted.apart), ("quota", one.quota_apart)]
    for name, apart in sums:
        for currency, amount in sorted(apart.items()):
            found.setdefault(currency, {})[name] = str(amount)
    return found


def weeks_of(asked: Asked) -> dict[date, dict[str, Any]]:
    """What was forecast for the quarter in each week that was kept, the first first: the sums of its lines, and when.

    A team is who is in it now. Lines in another currency than the company's now are left out: it was another one then.
    """
    found: dict[date, dict[str, Any]] = {}
    rows = ForecastSnapshot.objects.filter(whose(asked), quarter=asked.quarter)
    for one in rows.filter(currency=handbook.current().company.currency).order_by("week", "pk"):
        week = found.setdefault(one.week, {"taken_at": one.taken_at, "quota": None, "open_count": 0, "won_count": 0})
        for name in (*KEPT, "weighted"):
            week[name] = week.get(name, Decimal(0)) + getattr(one, name)
        if one.quota is not None:
            week["quota"] = (week["quota"] or Decimal(0)) + one.quota
        week["open_count"] += one.open_count
        week["won_count"] += one.won_count
        for currency, sums in one.apart.items():
            apart = week.setdefault("apart", {}).setdefault(currency, {})
            for name, amount in sums.items():
                apart[name] = apart.get(name, Decimal(0)) + Decimal(amount)
    return found


def left_out(week: dict[str, Any]) -> dict[str, Decimal]:
    """The amounts of a kept week that had no rate, by currency: won and open in any category."""
    apart: dict[str, dict[str, Decimal]] = week.get("apart", {})
    return {code: sum((sums.get(part, Decimal(0)) for part in KEPT), Decimal(0)) for code, sums in apart.items()}
