"""The forecast over the API: `/api/v1/forecast/` with `snapshots/` and `backtest/`, the figures of the pages (C8)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.api.figures import FiguresView, parameter, reading
from crm.core.api.problems import Problem
from crm.core.api.scopes import declare_right, declare_scopes
from crm.core.permissions import may
from crm.enquiries.attainment_asked import NOBODY
from crm.reviews.forecast.api_shapes import ANSWER, BACKTEST, SNAPSHOTS
from crm.reviews.forecast.asked import PARAMETERS, PARTS, Asked, read_asked
from crm.reviews.forecast.backtest import READINGS, Tried, Week, backtest
from crm.reviews.forecast.figures import Figures, Sum, forecast
from crm.reviews.forecast.snapshots import KEPT, weeks_of
from crm.reviews.models import ForecastSnapshot

SCOPE = "opportunities:forecast"
declare_scopes("opportunities", forecast="See forecasts, quotas, weekly snapshots and the backtest")
declare_right(SCOPE, lambda user: may(user, "view", ForecastSnapshot))


OWNER = parameter("owner", f"Only this user's; “{NOBODY}” for nobody's.")
TEAM = parameter("team", f"Only those of the people of this team now; “{NOBODY}” for no team's.")
QUARTER = parameter("quarter", "A day of the fiscal quarter; today unless said.", OpenApiTypes.DATE)


class ForecastView(FiguresView):
    """What the three addresses share: who may, and what is asked for."""

    resource = "forecast"
    scopes: ClassVar[dict[str, str]] = {"forecast": SCOPE}
    action_of_method: ClassVar[dict[str, str]] = {"GET": "forecast"}

    def asked(self, request: Request, names: tuple[str, ...] = PARAMETERS) -> Asked:
        """What the address asks for.

        Raises:
            Problem: 403 for who may not, 400 and 422 for what will not do.
        """
        if not may(self.actor, "view", ForecastSnapshot):
            raise Problem(403, "forbidden", "Forecasts are for who works here.")
        params = self.params(request, *names)
        with reading():
            return read_asked(params, at=self.at)


class ForecastFigures(ForecastView):
    """The forecast of a fiscal quarter."""

    @extend_schema(responses={200: ANSWER}, operation_id="forecast", parameters=[QUARTER, OWNER, TEAM])
    def get(self, request: Request) -> Response:
        """In total, by owner and by team, in the company's currency."""
        asked = self.asked(request)
        found = forecast(asked, at=self.at)
        return Response(
            {
                **quarter(asked),
                "over": found.over,
                "currency": found.currency,
                "total": told(found.total),
                "owners": [
                    {"owner_id": key, "name": found.names[key], **told(one)}
                    for key, one in sorted(found.owners.items(), key=lambda item: (item[0] is None, item[0] or 0))
                ],
                "teams": [
                    {"team_id": key, "name": found.team_names[key], **told(one)}
                    for key, one in sorted(found.teams.items(), key=lambda item: (item[0] is None, item[0] or 0))
                ],
            }
        )


class ForecastSnapshots(ForecastView):
    """What was forecast for a quarter, week by week."""

    @extend_schema(responses={200: SNAPSHOTS}, operation_id="forecast_snapshots", parameters=[QUARTER, OWNER, TEAM])
    def get(self, request: Request) -> Response:
        """The weeks that were kept, the first first."""
        asked = self.asked(request)
        weeks = weeks_of(asked)
        return Response(
            {**quarter(asked), "results": [{"week": week, **week_told(one)} for week, one in weeks.items()]}
        )


class ForecastBacktest(ForecastView):
    """What the forecasts of quarters that are over were worth."""

    @extend_schema(responses={200: BACKTEST}, operation_id="forecast_backtest", parameters=[OWNER, TEAM])
    def get(self, request: Request) -> Response:
        """The last four quarters that are over, and the mean absolute percentage error of each week."""
        found = backtest(self.asked(request, ("owner", "team")), at=self.at)
        means = [
            {"number": number, **{reading: found.mean_error(number, reading) for reading in READINGS}}
            for number in found.numbers
        ]
        return Response(
            {
                "currency": found.currency,
                "mean_errors": means,
                "quarters": [
                    {
                        **quarter(one.quarter),
                        "result": text(one.result),
                        "weeks": [tried_told(one, week) for week in one.weeks],
                    }
                    for one in found.quarters
                ],
            }
        )


def quarter(asked: Asked) -> dict[str, Any]:
    """Which quarter it is."""
    return {"quarter": asked.first, "last_day": asked.last, "label": asked.label}


def told(one: Figures) -> dict[str, Any]:
    """Figures by their names in the API."""
    return {
        **{part: sum_told(one[part]) for part in PARTS},
        "weighted": sum_told(one.weighted),
        "quota": text(one.quota),
        "quota_without_rate": texts(one.quota_apart),
        "missing": text(one.missing),
        "attained_percent": one.attained,
        "coverage_percent": one.coverage,
    }


def sum_told(one: Sum) -> dict[str, Any]:
    """What some opportunities come to."""
    return {
        "amount": text(one.worth),
        "count": one.count,
        "without_amount": one.without,
        "without_rate": texts(one.apart),
    }


def week_told(one: Mapping[str, Any]) -> dict[str, Any]:
    """A week that was kept."""
    return {
        "taken_at": one["taken_at"],
        **{name: text(one[name]) for name in (*KEPT, "weighted", "quota")},
        "won_count": one["won_count"],
        "open_count": one["open_count"],
        "without_rate": {code: texts(sums) for code, sums in one.get("apart", {}).items()},
    }


def tried_told(one: Tried, week: Week) -> dict[str, Any]:
    """A week of a quarter that is over."""
    readings = {
        reading: {"amount": text(week.forecast[reading]), "error_percent": one.error(week, reading)}
        for reading in READINGS
    }
    return {"number": week.number, "week": week.monday, "source": week.source, **readings}


def text(amount: Decimal | None) -> str | None:
    """An amount with its cents."""
    return None if amount is None else f"{amount:.2f}"


def texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    """Amounts by what they are of."""
    return {name: f"{amount:.2f}" for name, amount in sorted(amounts.items()) if amount}
