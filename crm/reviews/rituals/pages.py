"""The pages of rituals: all of them, by what is to be done, and one with its history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from crm import handbook
from crm.core.asking import moment, user_of
from crm.core.permissions import may
from crm.people.models import User
from crm.reviews.models import Occasion
from crm.reviews.rituals.opening import address_of
from crm.reviews.rituals.rows import DONE, SKIP, Row, answer_address, row_of
from crm.reviews.rituals.standing import Standing, Time, standing_of, standings
from crm.reviews.rituals.words import period_words
from crm.site import site

SHOWN = 60  # of a ritual's history: half a year of what is weekly, a quarter of what is daily
# What is to be done first: (verdict, heading, what it says when there is none).
GROUPS = (
    ("due", "Due now", "Nothing is due now."),
    ("missed", "Missed", ""),
    ("done", "Done", ""),
    ("later", "Later", ""),
)


@site.page("rituals/", "rituals")
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """What is due now, what was missed, what is done, and what comes later."""
    user, at = _asker(request)
    rows = [_row(one, user, at) for one in standings(handbook.current(), at=at)]
    groups = [(key, title, [row for row in rows if row.verdict == key], empty) for key, title, empty in GROUPS]
    return _page(
        request,
        "overview",
        "Rituals",
        groups=[one for one in groups if one[2] or one[3]],
        tallies=[(key, title, len(found)) for key, title, found, _ in groups if key != "later"],
        rituals=bool(rows),
        off=[one for one in handbook.current().rituals if not one.on],
        here=request.path,
    )


@dataclass(frozen=True, slots=True)
class Past:
    """A time of a ritual's history, and how it may be answered now."""

    time: Time
    words: str
    done_address: str
    skip_address: str
    back_address: str


@site.page("rituals/<str:key>/", "ritual")
@require_safe
def ritual_page(request: HttpRequest, key: str) -> HttpResponse:
    """One ritual: how it stands, and who held it when, with what came of it."""
    user, at = _asker(request)
    book = handbook.current()
    standing = standing_of(book, key, at=at)
    if standing is None:
        raise Http404("The handbook has no such ritual, or has switched it off.")
    row = _row(standing, user, at)
    history = standing.history
    withdrawn = Occasion.objects.filter(ritual=key).exclude(taken_back_at=None).select_related("by", "taken_back_by")
    return _page(
        request,
        "ritual",
        standing.ritual.label,
        row=row,
        history=[_past(standing, one, user, at) for one in history[:SHOWN]],
        more=len(history) > SHOWN,
        withdrawn=withdrawn.order_by("-taken_back_at")[:SHOWN],
        kept=(sum(standing.decided), len(standing.decided)),
        here=request.path,
    )


def _asker(request: HttpRequest) -> tuple[User, datetime]:
    user = user_of(request)
    if not may(user, "view", Occasion):
        raise PermissionDenied
    return user, moment(request)


def _row(standing: Standing, user: User, at: datetime) -> Row:
    return row_of(standing, user, address=address_of(standing.ritual, user), may_answer=_may_answer(standing, user))


def _may_answer(standing: Standing, user: User) -> bool:
    """As the policy has it, without looking up again whose it is."""
    return user.is_manager or user in standing.dris


def _past(standing: Standing, time: Time, user: User, at: datetime) -> Past:
    missed, occasion = time.verdict == "missed", time.answer.occasion if time.answer else None
    answers = missed and _may_answer(standing, user)
    # Who held it may take it back as well.
    back = occasion is not None and (_may_answer(standing, user) or occasion.by_id == user.pk)
    return Past(
        time,
        period_words(time.period),
        answer_address(standing, time, DONE) if answers and not standing.ritual.done_by else "",
        answer_address(standing, time, SKIP) if answers else "",
        reverse("admin:ritual_take_back", args=[occasion.pk]) if back and occasion is not None else "",
    )


def _page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    """A page with what every page of the admin has."""
    everything = {**site.each_context(request), "title": title, "at": moment(request), **context}
    return TemplateResponse(request, f"reviews/{template}.html", everything)
