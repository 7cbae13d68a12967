"""The page of response times (R7): how promises were kept, by channel, owner, team and week; for managers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_POST, require_safe

from crm import handbook
from crm.core.admin import moment, user_of
from crm.core.charts import Chart
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.enquiries.attainment import Attainment, By, Figures, attainment
from crm.enquiries.attainment_asked import DEFAULT_WEEKS, NOBODY, PARAMETERS, Asked, read_asked
from crm.enquiries.attainment_charts import stacked
from crm.enquiries.attainment_export import export_figures
from crm.enquiries.attainment_words import TITLES, business_time, list_address, ordered, percent, period_words
from crm.enquiries.models import Enquiry
from crm.jobs.file_answers import answer_with_file
from crm.people.choosing import owner_options, people, team_options
from crm.site import site

PERIODS = (4, DEFAULT_WEEKS, 26, 52)
COUNTS = ("met", "breached", "open", "voided")
HEADINGS = {"channel": "By channel", "owner": "By owner", "team": "By team", "week": "By week"}


@dataclass(frozen=True, slots=True)
class Number:
    """A count, and the list of the enquiries that it counts; none where it counts none."""

    count: int
    label: str
    address: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table."""

    label: str
    narrow: str
    received: Number
    numbers: Sequence[Number]
    kept: str
    share: int
    median: str
    ninetieth: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table, with the chart that stands beside it where there is one."""

    by: str
    heading: str
    title: str
    lines: Sequence[Line]
    chart: Chart | None


@site.page("response-times/", "response_times")
@require_safe
def response_times(request: HttpRequest) -> HttpResponse:
    """The figures of a period."""
    refuse_others(request)
    at = moment(request)
    problem, status = "", HTTPStatus.OK
    try:
        asked = asked_by(request, at)
    except Refused as refused:
        problem, status = refused.message, HTTPStatus.BAD_REQUEST
        asked = Asked.weeks(DEFAULT_WEEKS, at)
    found = attainment(asked, at=at)
    context = {
        **site.each_context(request),
        "title": "Response times",
        "asked": asked,
        "problem": problem,
        "period": period_words(asked.since, asked.until),
        "periods": [period_of(weeks, asked, at) for weeks in PERIODS],
        "choices": choices(asked),
        "narrowed": asked != Asked(asked.since, asked.until),
        "everything": "?" + urlencode(Asked(asked.since, asked.until).parameters),
        "parameters": asked.parameters,
        "total": line_of("All", asked, found.total),
        "apart": [
            number(asked, found.total, "no_promise", "were promised nothing"),
            number(asked, found.total, "barred", "came from somebody not to be contacted"),
        ],
        "tables": [table(found, by) for by in ("week", "channel", "owner", "team")] if found.total.received else [],
        "voiders": voiders(found),
    }
    return TemplateResponse(request, "enquiries/response_times.html", context, status=status)


@site.page("response-times/export/", "response_times_export")
@require_POST
def response_times_export(request: HttpRequest) -> HttpResponse:
    """The same figures as a file, which is kept and on record as every export."""
    refuse_others(request)
    at = moment(request)
    given = {name: request.POST[name] for name in PARAMETERS if request.POST.get(name)}
    return answer_with_file(
        lambda: export_figures(read_asked(given, at=at), actor=user_of(request), at=at, via="admin")
    )


def refuse_others(request: HttpRequest) -> None:
    """How a team keeps its promises is its managers' to see."""
    if not may(user_of(request), "response_times", Enquiry):
        raise PermissionDenied


def asked_by(request: HttpRequest, at: datetime) -> Asked:
    """What the address asks for.

    Raises:
        Refused: for a value that will not do.
    """
    return read_asked({name: request.GET[name] for name in PARAMETERS if name in request.GET}, at=at)


def period_of(weeks: int, asked: Asked, at: datetime) -> tuple[str, str, bool]:
    """A usual period: what it is called, its address, and whether it is the one that is shown."""
    usual = Asked.weeks(weeks, at)
    there = replace(asked, since=usual.since, until=usual.until)
    return f"{weeks} weeks", "?" + urlencode(there.parameters), there == asked


def choices(asked: Asked) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """What the page can be narrowed to: parameter, label, what is chosen, and the choices."""
    book = handbook.current()
    chosen = asked.parameters
    return [
        (name, label, chosen.get(name, ""), options)
        for name, label, options in (
            ("channel", "Channel", book.choices("enquiry.channels")),
            ("owner", "Owner", [(NOBODY, "Nobody"), *owner_options(asked.owner)]),
            ("team", "Team", [(NOBODY, "No team"), *team_options()]),
            ("policy", "Policy", book.choices("policies")),
        )
    ]


def narrowed(asked: Asked, by: By, key: Any) -> Asked:
    """The same, of one value of a dimension."""
    if by == "week":
        return asked.of_week(key)
    if by == "channel":
        return replace(asked, channel=key)
    return replace(asked, owner=key or 0) if by == "owner" else replace(asked, team=key or 0)


def number(asked: Asked, figures: Figures, standing: str, label: str) -> Number:
    """How many have a standing."""
    count = getattr(figures, standing)
    return Number(count, label, list_address(replace(asked, standing=standing)) if count else "")


def line_of(label: str, asked: Asked, figures: Figures, narrow: str = "") -> Line:
    """One line of figures, each count with its list."""
    return Line(
        label,
        narrow,
        Number(figures.received, "Received", list_address(asked) if figures.received else ""),
        [number(asked, figures, standing, standing.capitalize()) for standing in COUNTS],
        percent(figures.kept),
        round((figures.kept or 0) * 100),
        business_time(figures.median),
        business_time(figures.ninetieth),
    )


def table(found: Attainment, by: By) -> Table:
    """The table of one dimension; the page itself narrowed to a line is one click away."""
    rows = [(narrowed(found.asked, by, key), label, figures) for key, label, figures in ordered(found, by)]
    lines = [
        line_of(label, asked, figures, "?" + urlencode(asked.parameters) if figures.received else "")
        for asked, label, figures in rows
    ]
    chart = None
    if by == "week":
        bars = [
            (label.rsplit(" ", 1)[0], list_address(asked) if one.received else "", one) for asked, label, one in rows
        ]
        chart = stacked(bars, what="Enquiries by the week in which they were received")
        lines.reverse()
    return Table(by, HEADINGS[by], TITLES[by], lines, chart)


def voiders(found: Attainment) -> list[Number]:
    """Who voided how many, the most first."""
    names = people(list(found.voiders))
    counts = sorted(found.voiders.items(), key=lambda one: (-one[1], one[0] or 0))
    return [
        Number(count, names.get(pk, "Nobody"), list_address(replace(found.asked, standing="voided", voider=pk or 0)))
        for pk, count in counts
    ]
