"""The pages of checkups that belong to no model: the overview by area, one rule with its trend, the printed report."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from crm import handbook
from crm.checkups.charts import trend
from crm.checkups.models import Finding, Run
from crm.checkups.overview import by_area, last_whole, lines, recent
from crm.checkups.report import report_of
from crm.checkups.rules import Rule, rule_of
from crm.checkups.running import start_run
from crm.checkups.telling import behind
from crm.checkups.words import short_moment, subjects_of
from crm.core.asking import moment, user_of
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs import heartbeats
from crm.site import site

LOOKS = 24
SHOWN = 20


@site.page("checkups/", "checkups")
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Where the installation departs from its handbook, by area."""
    refuse_others(request)
    at, book = moment(request), handbook.current()
    groups = by_area(lines(book))
    everything = [line for group in groups for line in group.lines]
    open_by = {
        name: sum(one.open for one in everything if one.severity == name) for name in ("error", "warning", "note")
    }
    return page(
        request,
        "overview",
        "Checkups",
        groups=groups,
        open_by=open_by,
        accepted=sum(one.accepted for one in everything),
        mine=Finding.objects.open().filter(assignee=user_of(request)).count(),
        silent=[one for one in everything if one.verdict in ("crashed", "off")],
        never=sum(one.verdict == "never" for one in everything),
        rules=len(everything),
        last=last_whole(),
        running=Run.objects.unfinished().select_related("job").first(),
        worker=heartbeats.judge(at=at)["worker"],
        settings=book.checkups,
        dris=behind(book.checkups.dri, at=at),
        may_start=may(user_of(request), "start", Run),
    )


@site.page("checkups/runs/start/", "checkup_run")
@require_POST
def run_now(request: HttpRequest) -> HttpResponse:
    """Start a run of every rule, or of the one that is named; of two clicks the second opens the first one's run."""
    user, at = user_of(request), moment(request)
    if not may(user, "start", Run):
        raise PermissionDenied
    asked = [one for one in request.POST.getlist("rule") if one]
    under_way = next((one for one in Run.objects.unfinished().filter(by=user, person=None) if one.rules == asked), None)
    if under_way is None:
        try:
            under_way = start_run(why=Run.Why.ASKED, by=user, at=at, rules=asked)
        except Refused as refused:
            messages.error(request, refused.message)
            return HttpResponseRedirect(reverse("admin:checkups"))
    return HttpResponseRedirect(reverse("admin:checkups_run_change", args=[under_way.pk]))


@site.page("checkups/rules/<str:rule>/", "checkup_rule")
@require_safe
def rule_page(request: HttpRequest, rule: str) -> HttpResponse:
    """One rule: what it looks at and why, what is open, and its trend."""
    refuse_others(request)
    found = rule_of(rule)
    if found is None:
        raise Http404("There is no such rule.")
    book, at = handbook.current(), moment(request)
    looks = recent([found.id], most=LOOKS).get(found.id, [])
    drawn = [(one, short_moment(one.run.started_at), run_address(one.run_id)) for one in looks]
    rows = list(Finding.objects.open().filter(rule=found.id).select_related("assignee")[: SHOWN + 1])
    return page(
        request,
        "rule",
        found.title,
        rule=found,
        line=lines(book, [found])[0],
        looks=[(one, address) for one, _, address in reversed(drawn)],
        chart=trend(drawn) if len(drawn) > 1 else None,
        findings=subjects_of(rows[:SHOWN]),
        more=len(rows) > SHOWN,
        owners=behind(found.owner_by(book), at=at),
        words=words_of(found),
        may_start=may(user_of(request), "start", Run),
    )


@site.page("checkups/runs/<int:pk>/report/", "checkup_report")
@require_safe
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """What a run found, in the handbook's own order, ready to be printed and discussed."""
    refuse_others(request)
    run = get_object_or_404(Run.objects.select_related("by", "person"), pk=pk)
    if run.state == Run.State.RUNNING:
        messages.info(request, "The run has not ended yet: its report is made when it has.")
        return HttpResponseRedirect(run_address(run.pk))
    return page(request, "report", f"Checkup of {handbook.current().company.name}", run=run, parts=report_of(run))


def page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    """A page with what every page of the admin has."""
    everything = {**site.each_context(request), "title": title, "at": moment(request), **context}
    return TemplateResponse(request, f"checkups/{template}.html", everything)


def refuse_others(request: HttpRequest) -> None:
    """Runs and rules are for managers and administrators; others are shown the findings that concern them."""
    if not may(user_of(request), "view", Run):
        raise PermissionDenied


def run_address(pk: int) -> str:
    """The page of a run."""
    return reverse("admin:checkups_run_change", args=[pk])


def words_of(rule: Rule) -> str:
    """What kind of thing it looks at, in words."""
    if rule.scope == "tabs":
        return "Looks at the tabs that everybody is really shown."
    if rule.is_presentation:
        what, _, kind = rule.scope.partition(":")
        where = f"the list of {kind}s" if what == "list" else f"the page of {kind}s"
        return f"Looks at {where} as every active user is really shown it.".replace("opportunitys", "opportunities")
    return "Looks at what is stored."
