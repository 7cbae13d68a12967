"""The pages of rep activity: who did what in a period, whom outreach went to, and which promises a number counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from contracts.models import NextStep
from crm import handbook
from crm.activities.models import Activity
from crm.core.asking import moment, user_of
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.enquiries.attainment_asked import NOBODY
from crm.enquiries.attainment_words import period_words
from crm.enquiries.models import Enquiry
from crm.jobs.file_answers import answer_with_file
from crm.people.choosing import owner_options, team_options
from crm.people.models import User
from crm.reviews.models import Meeting
from crm.reviews.rep_activity.asked import DEFAULT_DAYS, NAMES, PARAMETERS, PROMISES, Asked, read_asked
from crm.reviews.rep_activity.export import export_figures
from crm.reviews.rep_activity.figures import counted, kinds_of, rep_activity
from crm.reviews.rep_activity.lines import Number, line_of, table_of
from crm.reviews.rep_activity.people import Touched, people_touched
from crm.reviews.rep_activity.words import (
    SAID,
    accounts,
    address_of,
    narrowed_words,
    page_address,
    people_address,
    words_of,
)
from crm.site import site

PERIODS = (7, DEFAULT_DAYS, 90)
OFTEN = 10  # people touched too often on the page itself; all of them are one click away
PAGE = 50


@site.page("reviews/rep-activity/", "rep_activity")
@require_safe
def rep_activity_page(request: HttpRequest) -> HttpResponse:
    """The figures of a period."""
    user, at = _asker(request)
    asked, problem = _asked(request, at, PARAMETERS)
    sees_answers = may(user, "response_times", Enquiry)
    found = rep_activity(asked, at=at, answers=sees_answers)
    kinds = kinds_of(found, dict(handbook.current().choices("touch.kinds")))
    often, count = people_touched(asked, at=at, too_often=True, limit=OFTEN)
    rules = handbook.current().reviews
    here = page_address(asked)
    return _page(
        request,
        "rep_activity",
        "Rep activity",
        problem,
        asked=asked,
        period=period_words(asked.since, asked.until),
        periods=[_period(days, asked, at) for days in PERIODS],
        choices=_choices(asked),
        account=accounts([asked.account]).get(asked.account, "no account") if asked.account is not None else "",
        without_account=page_address(replace(asked, account=None)),
        narrowed=", ".join(narrowed_words(asked)),
        everything=page_address(Asked(asked.since, asked.until)),
        parameters=asked.parameters,
        kinds=list(kinds.values()),
        sees_answers=sees_answers and asked.account is None,
        total=line_of("All", asked, found.total, list(kinds)),
        tables=[
            table_of(found, by, list(kinds), page=_number(request, f"page_{by}"), here=here)
            for by in ("owner", "account")
        ],
        nothing=not (found.owner or found.account),
        often=[_row(asked, one) for one in often],
        often_count=Number(count, people_address(asked, too_often=True) if count else ""),
        more_often=count - len(often),
        limit=f"{rules.most_touches} in {rules.in_days} days",
        days=rules.in_days,
        may_export=sees_answers,
    )


@site.page("reviews/rep-activity/people/", "rep_activity_people")
@require_safe
def rep_activity_people(request: HttpRequest) -> HttpResponse:
    """Whom outreach went to, who had the most at once first; with `often=yes`, those above the limit."""
    _, at = _asker(request)
    asked, problem = _asked(request, at, PARAMETERS)
    often, number = request.GET.get("often") == "yes", _number(request, "page")
    rows, count = people_touched(asked, at=at, too_often=often, limit=PAGE, offset=(number - 1) * PAGE)
    rules = handbook.current().reviews
    here = people_address(asked, too_often=often)
    return _page(
        request,
        "rep_activity_people",
        "People touched too often" if often else "People reached out to",
        problem,
        words=words_of(asked),
        limit=f"{rules.most_touches} in {rules.in_days} days",
        days=rules.in_days,
        often=[_row(asked, one) for one in rows],
        count=count,
        back=page_address(asked),
        pages=[(n, f"{here}&page={n}", n == number) for n in _near(number, -(-count // PAGE))],
    )


@site.page("reviews/rep-activity/promises/", "rep_activity_promises")
@require_safe
def rep_activity_promises(request: HttpRequest) -> HttpResponse:
    """The next steps that a number counts, the last due first."""
    _, at = _asker(request)
    asked, problem = _asked(request, at, NAMES)
    if asked.what not in PROMISES:
        asked = replace(asked, what="decided")
    steps = NextStep.objects.filter(counted(asked, at=at)).select_related("opportunity__owner", "opportunity__account")
    paginator = Paginator(steps.order_by("-due_on", "-pk"), PAGE)
    page = paginator.get_page(_number(request, "page"))
    here = address_of(asked, asked.what)
    today = handbook.current().today(at)
    return _page(
        request,
        "rep_activity_promises",
        f"Next steps: {SAID[asked.what].lower()}",
        problem,
        words=words_of(asked),
        steps=[(one, one.ended_at is None and one.due_on is not None and one.due_on < today) for one in page],
        count=paginator.count,
        back=page_address(asked),
        pages=[(n, f"{here}&page={n}", n == page.number) for n in _near(page.number, paginator.num_pages)],
    )


@site.page("reviews/rep-activity/export/", "rep_activity_export")
@require_POST
def rep_activity_export(request: HttpRequest) -> HttpResponse:
    """The same figures as a file, which is kept and on record as every export."""
    at = moment(request)
    given = {name: request.POST[name] for name in PARAMETERS if request.POST.get(name)}
    return answer_with_file(
        lambda: export_figures(read_asked(given, at=at), actor=user_of(request), at=at, via="admin")
    )


def _asker(request: HttpRequest) -> tuple[User, datetime]:
    user = user_of(request)
    if not may(user, "view", Meeting) or not may(user, "view", Activity):
        raise PermissionDenied
    return user, moment(request)


def _asked(request: HttpRequest, at: datetime, names: tuple[str, ...]) -> tuple[Asked, str]:
    """What the address asks for, and what is wrong with it: the usual period is shown instead."""
    try:
        return read_asked({name: request.GET[name] for name in names if name in request.GET}, at=at), ""
    except Refused as refused:
        return Asked.days(DEFAULT_DAYS, at), f"{refused.message} The last {DEFAULT_DAYS} days are shown."


def _page(request: HttpRequest, template: str, title: str, problem: str, **context: Any) -> HttpResponse:
    everything: Mapping[str, Any] = {**site.each_context(request), "title": title, "problem": problem, **context}
    status = HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK
    return TemplateResponse(request, f"reviews/{template}.html", dict(everything), status=status)


def _period(days: int, asked: Asked, at: datetime) -> tuple[str, str, bool]:
    """A usual period: what it is called, its address, and whether it is the one that is shown."""
    usual = Asked.days(days, at)
    there = replace(asked, since=usual.since, until=usual.until)
    return f"{days} days", page_address(there), there == asked


def _choices(asked: Asked) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """What the page can be narrowed to: parameter, label, what is chosen, and the choices."""
    chosen = asked.parameters
    return [
        ("owner", "Owner", chosen.get("owner", ""), [(NOBODY, "Nobody"), *owner_options(asked.owner)]),
        ("team", "Team", chosen.get("team", ""), [(NOBODY, "No team"), *team_options()]),
    ]


def _row(asked: Asked, one: Touched) -> tuple[Touched, str, Number, Number]:
    """Somebody with their page, the touches of the period, and those of their fullest window."""
    where = reverse(
        f"admin:{'accounts_contact' if one.kind == 'contact' else 'leads_lead'}_change", args=[one.record.pk]
    )
    window = replace(asked, owner=None, team=None, account=None)
    return (
        one,
        where,
        Number(one.outreach, address_of(asked, "reached", person=one.key)),
        Number(one.most, address_of(window, "window", touch=one.last)),
    )


def _number(request: HttpRequest, name: str) -> int:
    """The page that is asked for, from 1."""
    return min(max(1, whole_number(request.GET.get(name, "")) or 1), 100_000)


def _near(number: int, last: int) -> list[int]:
    """The pages that are offered: the first, the last, and those near this one."""
    return [n for n in range(1, last + 1) if n in (1, last) or abs(n - number) <= 2] if last > 1 else []
