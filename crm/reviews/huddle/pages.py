"""The page of the sales huddle: today's agenda and why, beginning it or joining it, and the huddles that were held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from contracts.models import Opportunity
from contracts.models.choices import FORECASTS
from contracts.stages import find_stage
from crm.core.asking import moment, user_of
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.people.models import Team, User
from crm.reviews.huddle.agenda import NOT_KEPT, REASONS, Place, counts_of, places
from crm.reviews.huddle.kind import HUDDLE
from crm.reviews.huddle.list_filter import BARE, BROKEN, GROUPS, REST, counted, list_address
from crm.reviews.huddle.scopes import last_held
from crm.reviews.huddle.totals import money, totals_of
from crm.reviews.meetings.kinds import Scope
from crm.reviews.meetings.of_kind import meetings_of
from crm.reviews.models import Meeting
from crm.site import site

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Number:
    """How many there are of something, and the list of them; no list where there are none."""

    label: str
    count: int
    address: str
    amount: str = ""
    note: str = ""
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One opportunity of the preview."""

    place: Place
    address: str
    amount: str
    stage: str
    reasons: Sequence[tuple[str, bool]]


@site.page("reviews/huddle/", "huddle")
@require_safe
def huddle(request: HttpRequest) -> HttpResponse:
    """What would be gone through now; which scope is chosen in the address."""
    user, at = user_of(request), moment(request)
    if not may(user, "view", Meeting):
        raise PermissionDenied
    problem = ""
    try:
        scope = HUDDLE.read_scope(request.GET)
    except Refused as refusal:
        scope, problem = {}, refusal.message
    context = {
        "title": "Sales huddle",
        "at": at,
        "scope": scope,
        "scope_words": HUDDLE.scope_words(scope),
        "problem": problem,
        "choices": _choices(scope),
        "takes_agenda": may(user, "export", Opportunity),
        "meetings": meetings_of(HUDDLE.key, scope, user=user, at=at),
        **_agenda(scope, at),
    }
    return TemplateResponse(request, "reviews/huddle.html", {**site.each_context(request), **context})


def _agenda(scope: Scope, at: datetime) -> dict[str, Any]:
    """The agenda as it is now: its figures, why things are on it, and its beginning."""
    found, last = places(scope, at=at), last_held(scope, before=at)
    totals = totals_of(found, scope, last=last, at=at)
    return {
        "last": last,
        "totals": totals,
        "tiles": _tiles(totals, found, scope),
        "promises": totals["promises"],
        "broken": list_address(scope, reason=BROKEN),
        "reasons": _reasons(found, scope),
        "apart": [money(amount, name) for name, amount in totals["apart"].items()],
        "lines": [_line(one) for one in found[:SHOWN]],
        "more": max(len(found) - SHOWN, 0),
        "everything": list_address(scope),
    }


def _tiles(totals: dict[str, Any], found: Sequence[Place], scope: Scope) -> list[Number]:
    unit = totals["currency"]
    first = Number("Open", totals["count"], list_address(scope), money(totals["amount"], unit))
    tiles = [first]
    for key, one in totals["categories"].items():
        address = list_address(scope, category=key)
        weighted = f"{money(one['weighted'], unit)} weighted"
        tiles.append(Number(FORECASTS[key], one["count"], address, money(one["amount"], unit), weighted))
    if totals["without_amount"]:
        tiles.append(Number(GROUPS[BARE], totals["without_amount"], list_address(scope, reason=BARE)))
    return tiles


def _reasons(found: Sequence[Place], scope: Scope) -> list[Number]:
    """Each reason with how many have it; those that nothing has are left out."""
    counts = {**counts_of(found), REST: len(counted(found, {"reason": REST}))}
    words = {**REASONS, **GROUPS}
    return [
        Number(words[code], count, list_address(scope, reason=code), is_bad=code in NOT_KEPT)
        for code, count in counts.items()
        if count
    ]


def _line(place: Place) -> Line:
    row = place.row
    stage = find_stage(row.stage)
    return Line(
        place,
        reverse("admin:contracts_opportunity_change", args=[row.id]),
        money(row.amount, row.currency),
        stage.label if stage else row.stage,
        [(REASONS[code], code in NOT_KEPT) for code in place.reasons],
    )


def _choices(scope: Scope) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """What it can be narrowed to: name, label, what is chosen, and the options."""
    owners = [(str(one.pk), str(one)) for one in User.objects.active_people()]
    teams = [(str(one.pk), str(one)) for one in Team.objects.all()]
    chosen = {name: str(value) for name, value in scope.items()}
    # An owner who has left may still own something that is open.
    if "owner" in chosen and chosen["owner"] not in dict(owners):
        owners.append((chosen["owner"], HUDDLE.scope_words(scope)))
    return [
        ("owner", "Owner", chosen.get("owner", ""), owners),
        ("team", "Team", chosen.get("team", ""), teams),
    ]
