"""The page of the lead pipeline review (P2): leads by status, what they need, and where they went."""

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

from accounts.models import source_choices
from crm import handbook
from crm.core.asking import moment, user_of
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.enquiries.attainment_asked import NOBODY
from crm.enquiries.attainment_words import percent
from crm.jobs.file_answers import answer_with_file
from crm.people.choosing import owner_options, team_options
from crm.reviews.lead_review import filter as of_list  # noqa: F401 - lets the list of leads show what a number counts
from crm.reviews.lead_review.asked import NOW, OPEN, PARAMETERS, Asked, last_review, of_last_days, of_review, read_asked
from crm.reviews.lead_review.chart import funnel
from crm.reviews.lead_review.export import export_figures
from crm.reviews.lead_review.figures import By, Flow, Pipeline, Standing, is_of_path, pipeline
from crm.reviews.lead_review.kind import LEADS as LEADS
from crm.reviews.lead_review.words import TITLES, age, list_address, ordered, since_words
from crm.reviews.meetings.kinds import key_of
from crm.reviews.meetings.of_kind import meetings_of
from crm.reviews.models import Meeting
from crm.site import site
from leads.statuses import MEANING, PATH, Status

PERIODS = ((7, "7 days"), (28, "4 weeks"), (91, "13 weeks"))
HEADINGS = {
    "breached": "Limit passed",
    "at_risk": "At risk",
    "over": "Over limit",
    "unowned": "Nobody’s",
    "stale": "Untouched",
    "no_next": "No next touch",
}
BAD = ("breached", "over")
WARN = ("at_risk", "unowned")
TABLES: tuple[By, ...] = ("owner", "team", "source")


@dataclass(frozen=True, slots=True)
class Number:
    """A count, and the list of the leads that it counts; none where it counts none."""

    count: int
    label: str
    address: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One status: how many leads, how long they are in it, how many came and went, and what they need."""

    label: str
    help: str
    limit: int
    leads: Number
    median: str
    ninetieth: str
    arrived: Number
    left: Number
    needs: Sequence[Number]


@dataclass(frozen=True, slots=True)
class Step:
    """One status of the funnel: of those that arrived, how many went further, and what became of the others."""

    label: str
    arrived: Number
    share: str
    part: int
    numbers: Sequence[Number]


@dataclass(frozen=True, slots=True)
class Row:
    """One owner, team or source: what is open, and what it needs."""

    label: str
    narrow: str
    open: Number
    needs: Sequence[Number]


@site.page("reviews/leads/", "lead_review")
@require_safe
def lead_review(request: HttpRequest) -> HttpResponse:
    """Leads by status at this moment, and the flow through the statuses since the last review or in a period."""
    refuse_others(request)
    at = moment(request)
    problem, status = "", HTTPStatus.OK
    try:
        asked = read_asked({name: request.GET[name] for name in PARAMETERS if name in request.GET}, at=at)
    except Refused as refused:
        problem, status = refused.message, HTTPStatus.BAD_REQUEST
        asked = of_last_days(7, at)
    found = pipeline(asked, at=at)
    reviews = handbook.current().reviews
    scope = review_scope(asked)
    meetings = meetings_of(Meeting.Kind.LEADS, scope, user=user_of(request), at=at)
    context = {
        **site.each_context(request),
        "title": "Lead pipeline review",
        "asked": asked,
        "problem": problem,
        "period": since_words(asked),
        "periods": periods(asked, at),
        "choices": choices(asked),
        "narrowed": bool(asked.scope),
        "everything": "?" + urlencode(asked.everything.parameters),
        "parameters": asked.parameters,
        "untouched_days": reviews.untouched_days,
        "tiles": tiles(found),
        "any": found.total.count,
        "board": list_address(replace(asked, status=OPEN), board=True),
        "headings": HEADINGS.values(),
        "lines": [line(found, key, label, one, reviews.lead_days) for key, label, one in ordered(found, "status")],
        "steps": [step(asked, key, found.flow[key]) for key in PATH if is_of_path(key)],
        "funnel": funnel(asked, found.flow),
        "converted": number(replace(asked, status=Status.SAO_CONVERTED), "arrived", found.flow[Status.SAO_CONVERTED]),
        "tables": [table(found, by) for by in TABLES],
        "running": next((one.meeting for one in meetings["running"] if one.meeting.scope_key == key_of(scope)), None),
        "scope": scope,
        # It is begun at the head of the page.
        "meetings": meetings | {"runs_here": True},
        "may_start": meetings["may_start"],
    }
    return TemplateResponse(request, "reviews/lead_review.html", context, status=status)


@site.page("reviews/leads/export/", "lead_review_export")
@require_POST
def lead_review_export(request: HttpRequest) -> HttpResponse:
    """The same figures as a file, which is kept and on record as every export."""
    refuse_others(request)
    at = moment(request)
    given = {name: request.POST[name] for name in PARAMETERS if request.POST.get(name)}
    return answer_with_file(
        lambda: export_figures(read_asked(given, at=at), actor=user_of(request), at=at, via="admin")
    )


def review_scope(asked: Asked) -> dict[str, int | str]:
    """What a meeting that is begun here goes through."""
    numbers = {name: value for name in ("owner", "team") if (value := getattr(asked, name)) is not None}
    return {name: value or NOBODY for name, value in numbers.items()} | (
        {"source": asked.source} if asked.source else {}
    )


def refuse_others(request: HttpRequest) -> None:
    """Everybody who works here follows reviews; programs read them over the API."""
    if not may(user_of(request), "view", Meeting):
        raise PermissionDenied


def periods(asked: Asked, at: datetime) -> list[tuple[str, str, bool]]:
    """The usual periods: what each is called, its address, and whether it is the one that is shown."""
    found = []
    last = last_review(asked.scope)
    if last is not None:
        there = "?" + urlencode(asked.scope | of_review(last, at).parameters)
        found.append(("Since the last review", there, asked.review == last.pk))
    for days, label in PERIODS:
        usual = of_last_days(days, at)
        found.append((label, "?" + urlencode(asked.scope | usual.parameters), asked.days == usual.days))
    return found


def choices(asked: Asked) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """What the page can be narrowed to: parameter, label, what is chosen, and the choices."""
    chosen = asked.scope
    return [
        (name, label, chosen.get(name, ""), options)
        for name, label, options in (
            ("owner", "Owner", [(NOBODY, "Nobody"), *owner_options(asked.owner)]),
            ("team", "Team", [(NOBODY, "No team"), *team_options()]),
            ("source", "Lead source", [(NOBODY, "None"), *source_choices()]),
        )
    ]


def number(asked: Asked, what: str, figures: Standing | Flow, label: str = "") -> Number:
    """How many there are of a figure, and where they are listed."""
    count = getattr(figures, what or "count")
    tone = "bad" if what in BAD else "warn" if what in WARN else ""
    return Number(
        count, label or HEADINGS.get(what, ""), list_address(replace(asked, what=what)) if count else "", tone
    )


def tiles(found: Pipeline) -> list[Number]:
    """What needs somebody, over all statuses."""
    still = Number(
        found.total.open,
        "Open leads",
        list_address(replace(found.asked, status=OPEN)) if found.total.open else "",
    )
    return [still, *(number(found.asked, what, found.total) for what in HEADINGS)]


def line(found: Pipeline, key: str, label: str, one: Standing, limits: Any) -> Line:
    """One line of the table by status."""
    asked, flow = replace(found.asked, status=key), found.flow[key]
    return Line(
        label,
        MEANING[key],
        limits.get(key, 0),
        number(asked, "", one),
        age(one.median),
        age(one.ninetieth),
        number(asked, "arrived", flow),
        number(asked, "left", flow),
        [number(asked, what, one) for what in HEADINGS],
    )


def step(asked: Asked, key: str, flow: Flow) -> Step:
    """One line of the funnel."""
    here = replace(asked, status=key)
    return Step(
        str(Status(key).label),
        number(here, "arrived", flow),
        percent(flow.share),
        round((flow.share or 0) * 100),
        [number(here, what, flow) for what in ("on", "here", "aside", "back")],
    )


def table(found: Pipeline, by: By) -> tuple[str, str, list[Row]]:
    """The table of one dimension, of what is open; the page itself narrowed to a line is one click away."""
    rows = []
    for key, label, one in ordered(found, by):
        if not (one.open or any(getattr(one, what) for what in NOW)):
            continue
        value: Any = (key or NOBODY) if by == "source" else (key or 0)
        asked = replace(found.asked, **{by: value})
        still = replace(asked, status=OPEN)
        rows.append(
            Row(
                label,
                "?" + urlencode(asked.parameters),
                Number(one.open, "Open", list_address(still) if one.open else ""),
                [number(asked, what, one) for what in HEADINGS],
            )
        )
    return by, TITLES[by], rows
