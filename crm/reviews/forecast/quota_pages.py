"""Quotas of a quarter, a whole team's on one small page; a column of a spreadsheet can be pasted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from crm import handbook
from crm.core.asking import moment, user_of
from crm.core.errors import Refused, Stale
from crm.core.permissions import may
from crm.core.text import tidy, whole_number
from crm.people.models import User
from crm.reviews import periods
from crm.reviews.forecast.asked import Asked
from crm.reviews.forecast.pages import asked_by, shared
from crm.reviews.forecast.quotas import Wanted, read_amount, set_quotas
from crm.reviews.forecast.words import whole
from crm.reviews.models import Quota
from crm.site import site


@dataclass(slots=True)
class Entry:
    """One line: whose, what stands or was typed, what it was in the quarter before, and what is wrong with it."""

    user: User
    text: str
    version: int
    before: str
    elsewhere: str = ""
    problem: str = ""

    @property
    def name(self) -> str:
        """Of the input."""
        return f"quota_{self.user.pk}"


@site.page("reviews/forecast/quotas/", "forecast_quotas")
@require_http_methods(["GET", "HEAD", "POST"])
def forecast_quotas(request: HttpRequest) -> HttpResponse:
    """What each is to win in a quarter: seen by everybody, set by managers."""
    asked, problem, status = asked_by(request)
    may_set = may(user_of(request), "add", Quota)
    if request.method == "POST" and not may_set:
        raise PermissionDenied
    entries = entries_of(asked)
    if request.method == "POST" and not problem:
        refused = save(request, asked, entries)
        if refused is None:
            return HttpResponseRedirect(f"{request.path}?{urlencode(asked.parameters)}")
        problem, status = refused, HTTPStatus.UNPROCESSABLE_ENTITY
    back = reverse("admin:forecast")
    context = {
        **shared(request, asked, "admin:forecast_quotas"),
        "title": "Quotas",
        "problem": problem if status == HTTPStatus.BAD_REQUEST else "",
        "refused": problem if status == HTTPStatus.UNPROCESSABLE_ENTITY else "",
        "entries": entries,
        "may_set": may_set,
        "currency": handbook.current().company.currency,
        "before": replace(asked, quarter=periods.next_quarter(asked.quarter, -1)).label,
        "back": f"{back}?{urlencode(asked.parameters)}",
        "list": reverse("admin:reviews_quota_changelist"),
        "pasted": request.POST.get("pasted", ""),
    }
    return TemplateResponse(request, "reviews/forecast_quotas.html", context, status=status)


def entries_of(asked: Asked) -> list[Entry]:
    """A line for everybody who works here, and for whoever has a quota in the quarter."""
    before = periods.next_quarter(asked.quarter, -1)
    found: dict[tuple[int, Any], Quota] = {}
    for one in Quota.objects.filter(quarter__in=(asked.quarter, before)).order_by():
        found[one.owner_id, one.quarter] = one
    having = [pk for pk, quarter in found if quarter == asked.quarter]
    here = User.objects.filter(Q(is_active=True, is_service=False) | Q(pk__in=having))
    currency = handbook.current().company.currency
    entries = []
    for user in here.filter(of_team(asked)).order_by("team__name", "first_name", "last_name", "pk"):
        now, then = found.get((user.pk, asked.quarter)), found.get((user.pk, before))
        other = now if now is not None and now.currency != currency else None
        entries.append(
            Entry(
                user,
                "" if now is None or other else plain(now),
                0 if now is None else now.version,
                "" if then is None else f"{whole(then.amount)} {then.currency}",
                "" if other is None else f"{whole(other.amount)} {other.currency}",
            )
        )
    return entries


def of_team(asked: Asked) -> Q:
    """People of the team that is asked for."""
    if asked.team is None:
        return Q()
    return Q(team=asked.team) if asked.team else Q(team__isnull=True)


def plain(quota: Quota) -> str:
    """An amount as it is typed."""
    return f"{quota.amount:f}".removesuffix(".00")


def save(request: HttpRequest, asked: Asked, entries: list[Entry]) -> str | None:
    """Set what was entered; None when it was, else what is wrong, which each line also says."""
    sent = request.POST
    pasted, unsure = read_pasted(sent.get("pasted", ""))
    names = Counter(name_key(str(one.user)) for one in entries)
    unsure += [f"Several people are called “{name}”: give an email address." for name in pasted if names[name] > 1]
    if unsure:
        pasted = {}
    wanted: dict[User, Wanted] = {}
    wrong = 0
    for one in entries:
        if one.elsewhere or one.name not in sent:
            continue
        one.version = whole_number(sent.get(f"version_{one.user.pk}", "")) or 0
        keys = [key for key in (name_key(str(one.user)), one.user.email.lower()) if key in pasted]
        one.text = sent[one.name]
        for key in keys:
            one.text = pasted.pop(key)
        try:
            wanted[one.user] = Wanted(read_amount(one.text), one.version)
        except ValueError as error:
            one.problem, wrong = str(error), wrong + 1
    if unsure:
        return f"{unsure[0]} Nothing was saved."
    if pasted:
        unknown = ", ".join(f"“{name}”" for name in list(pasted)[:3])
        return f"Nobody on this page is called {unknown}. Nothing was saved."
    if wrong:
        return "Some amounts will not do. Nothing was saved."
    try:
        count = set_quotas(asked.quarter, wanted, actor=user_of(request), at=moment(request), via="admin")
    except Stale:
        return tell_changed(asked, entries)
    except Refused as refused:
        if refused.code == "forbidden":
            raise PermissionDenied(refused.message) from refused
        return refused.message
    messages.success(
        request, f"{asked.label}: {count:,} quota{'s' if count != 1 else ''} set." if count else "Nothing changed."
    )
    return None


def tell_changed(asked: Asked, entries: list[Entry]) -> str:
    """Say in each line what somebody else set there meanwhile; what was typed stays, and saving again replaces that."""
    stored = {one.user.pk: one for one in entries_of(asked)}
    for one in entries:
        now = stored.get(one.user.pk)
        if now is not None and now.version != one.version:
            one.version, one.elsewhere = now.version, now.elsewhere
            one.problem = f"Somebody else changed it: it is {now.text or 'no quota'} now."
    return "Somebody else changed quotas meanwhile. Nothing was saved: look at them, and save again to replace theirs."


def read_pasted(text: str) -> tuple[dict[str, str], list[str]]:
    """Lines of a spreadsheet, a name or an email address and an amount each: by the name in small letters; and what
    cannot be told, in sentences."""
    found: dict[str, str] = {}
    unsure = []
    for line in text.splitlines():
        name, _, amount = line.rpartition("\t") if "\t" in line else line.rpartition(";")
        name, amount = (tidy(name), tidy(amount)) if tidy(name) else (tidy(line), "")
        if name and found.setdefault(name_key(name), amount) != amount:
            unsure.append(f"“{name}” is there twice, with different amounts.")
    return found, unsure


def name_key(name: str) -> str:
    """What a name is found by."""
    return tidy(name).lower()
