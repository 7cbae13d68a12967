"""The pages of the forecast (C8): a quarter's figures and how they moved, and what earlier forecasts were worth."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from crm.core.asking import moment, user_of
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.enquiries.attainment_asked import NOBODY
from crm.jobs.file_answers import answer_with_file
from crm.people.choosing import team_options
from crm.reviews import periods
from crm.reviews.forecast import moving, tables
from crm.reviews.forecast.asked import PARAMETERS, Asked, quarter_now, read_asked
from crm.reviews.forecast.backtest import backtest
from crm.reviews.forecast.export import export_forecast
from crm.reviews.forecast.figures import forecast as figures
from crm.reviews.forecast.words import day_words, span
from crm.reviews.models import ForecastSnapshot, Quota
from crm.site import site


@site.page("reviews/forecast/", "forecast")
@require_safe
def forecast(request: HttpRequest) -> HttpResponse:
    """A quarter's forecast: by owner and team, how it moved, and what is in no forecast."""
    asked, problem, status = asked_by(request)
    at = moment(request)
    found = figures(asked, at=at)
    context = {
        **shared(request, asked, "admin:forecast"),
        "title": "Forecast",
        "problem": problem,
        "total": tables.line_of("Total", asked, found.total),
        "tiles": tables.tiles(found),
        "owners": tables.by_owner(found),
        "teams": tables.by_team(found) if asked.team is None else [],
        "outside": tables.outside(found),
        "apart": tables.apart(found.total),
        "misplaced": [(day_words(day), count) for day, count in found.misplaced.items()],
        "all_quotas": reverse("admin:reviews_quota_changelist"),
        "currency": found.currency,
        "moved": moving.moved(asked),
        "empty": not found.total.in_quarter,
        "may_set": may(user_of(request), "add", Quota),
        "backtest": reverse("admin:forecast_backtest") + team_query(asked),
        "quotas": reverse("admin:forecast_quotas") + "?" + urlencode(asked.parameters),
    }
    return TemplateResponse(request, "reviews/forecast.html", context, status=status)


@site.page("reviews/forecast/backtest/", "forecast_backtest")
@require_safe
def forecast_backtest(request: HttpRequest) -> HttpResponse:
    """What the forecasts of quarters that are over were worth, week by week."""
    asked, problem, status = asked_by(request)
    found = backtest(asked, at=moment(request))
    context = {
        **shared(request, asked, "admin:forecast_backtest"),
        "title": "Forecast backtest",
        "problem": problem,
        "back": reverse("admin:forecast") + team_query(asked),
        "tried": moving.tried_tables(found),
        "means": moving.means(found),
        "chart": moving.means_chart(found),
        "currency": found.currency,
    }
    return TemplateResponse(request, "reviews/forecast_backtest.html", context, status=status)


@site.page("reviews/forecast/export/", "forecast_export")
@require_POST
def forecast_export(request: HttpRequest) -> HttpResponse:
    """The same figures as a file, which is kept and on record as every export."""
    refuse_others(request)
    at = moment(request)
    given = {name: request.POST[name] for name in PARAMETERS if request.POST.get(name)}
    what = request.POST.get("what", "figures")
    return answer_with_file(
        lambda: export_forecast(what, read_asked(given, at=at), actor=user_of(request), at=at, via="admin")
    )


def refuse_others(request: HttpRequest) -> None:
    """Who may see the forecast: everybody human who works here."""
    user = user_of(request)
    if user.is_service or not may(user, "view", ForecastSnapshot):
        raise PermissionDenied


def asked_by(request: HttpRequest) -> tuple[Asked, str, HTTPStatus]:
    """What the address asks for; where it will not do, the present quarter, and why."""
    refuse_others(request)
    at = moment(request)
    try:
        asked = read_asked({name: request.GET[name] for name in PARAMETERS if name in request.GET}, at=at)
    except Refused as refused:
        return Asked(quarter_now(at)), refused.message, HTTPStatus.BAD_REQUEST
    return asked, "", HTTPStatus.OK


def shared(request: HttpRequest, asked: Asked, page: str) -> dict[str, Any]:
    """What both pages have: the quarters beside, the teams, and whose it is."""
    here = quarter_now(moment(request))
    near = [("Previous", periods.next_quarter(asked.quarter, -1)), ("Next", periods.next_quarter(asked.quarter))]
    return {
        **site.each_context(request),
        "asked": asked,
        "span": span(asked),
        "near": [(label, Asked(day).label, address(replace(asked, quarter=day))) for label, day in near],
        "now": "" if here == asked.quarter else address(replace(asked, quarter=here)),
        "choices": [("", "All teams"), *team_options(), (NOBODY, "No team")],
        "chosen": asked.parameters.get("team", ""),
        "owner": tables.name_of(asked.owner) if asked.owner is not None else "",
        "everybody": address(replace(asked, owner=None, team=None)),
        "narrowed": asked.owner is not None or asked.team is not None,
        "parameters": asked.parameters,
        "page": reverse(page),
    }


def address(asked: Asked) -> str:
    """This page, for something else."""
    return "?" + urlencode(asked.parameters)


def team_query(asked: Asked) -> str:
    """What another page is narrowed to as this one is."""
    found = {name: value for name, value in asked.parameters.items() if name in ("owner", "team")}
    return "?" + urlencode(found) if found else ""
