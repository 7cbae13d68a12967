"""The dialogs of rituals: done, skip, and take back; with JavaScript in a dialog, without it a full page.

GET asks and changes nothing; POST makes one domain call and translates its answer.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from crm import handbook
from crm.core.asking import moment, user_of
from crm.core.dialogs import Asked, dialog, leave
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.people.models import User
from crm.reviews.models import Occasion
from crm.reviews.rituals.rows import DONE, SKIP
from crm.reviews.rituals.services import LONGEST, WHO, find_time, mark_done, skip, take_back
from crm.reviews.rituals.standing import Standing, Time, standing_of
from crm.reviews.rituals.words import due_words, period_words
from crm.site import site

VIA = "admin"
LABELS = {DONE: "Done", SKIP: "Skip"}
HINTS = {
    DONE: "What was decided, who does what, what surprised you. It may be left empty.",
    SKIP: "It is not missed then, and the reason stands in its history.",
}
CONFLICTS = ("answered", "not_asked_for", "by_itself")


class AnswerForm(forms.Form):
    """What there is to say of it."""

    came_of = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 4, "maxlength": LONGEST}))

    def __init__(self, data: Any, *, verb: str) -> None:
        super().__init__(data, auto_id="ritual_%s")
        self.fields["came_of"].label = "What came of it?" if verb == DONE else "Why is it skipped?"
        self.fields["came_of"].help_text = HINTS[verb]


@site.page("rituals/<str:key>/<str:verb>/", "ritual_do")
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, key: str, verb: str) -> HttpResponse:
    """Ask what came of one time of a ritual, or why it is skipped, and write it down."""
    user, at = user_of(request), moment(request)
    if not may(user, "view", Occasion):
        raise PermissionDenied
    given = request.POST if request.method == "POST" else request.GET
    standing = standing_of(handbook.current(), key, at=at)
    period, number = _day(given.get("period", "")), whole_number(given.get("number", ""))
    time = find_time(standing, period, number) if standing and period and number else None
    if standing is None or time is None or verb not in LABELS:
        raise Http404("The handbook has no such ritual, or it is not held at that time.")
    if request.method != "POST":
        return _show(request, standing, time, verb, refusal=_why_not(standing, time, verb, user, at))
    said = request.POST.get("came_of", "")
    which: dict[str, Any] = {"period": time.period.first, "number": time.number, "actor": user, "at": at, "via": VIA}
    try:
        if verb == DONE:
            mark_done(key, came_of=said, **which)
        else:
            skip(key, reason=said, **which)
    except Refused as refusal:
        return _show(request, standing, time, verb, refusal=refusal)
    word = "done" if verb == DONE else "skipped"
    messages.success(request, f"{standing.ritual.label}: written down as {word}.")
    return leave(request, _after(request, key))


@site.page("rituals/answers/<int:pk>/take-back/", "ritual_take_back")
@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an answer back that was a slip."""
    found = get_object_or_404(Occasion, pk=pk)
    try:
        take_back(found, actor=user_of(request), at=moment(request), via=VIA)
    except Refused as refusal:
        if refusal.code == "forbidden":
            raise PermissionDenied from refusal
        raise Http404(refusal.message) from refusal
    messages.success(request, "Taken back: it waits for another answer.")
    return leave(request, _after(request, found.ritual))


def _why_not(standing: Standing, time: Time, verb: str, user: User, at: datetime) -> Refused | None:
    """Why it cannot be answered, before anything is entered."""
    if not may(user, "answer", Occasion(ritual=standing.ritual.key, at=at)):
        return Refused("forbidden", WHO)
    if time.answer is not None:
        word = Occasion.State(time.answer.state).label.lower()
        return Refused("answered", f"{time.answer.by} has said already that it was {word}.")
    if verb == DONE and standing.ritual.done_by:
        return Refused("by_itself", "It is done by a whole run of the checkups: start one.")
    return None


def _show(
    request: HttpRequest, standing: Standing, time: Time, verb: str, *, refusal: Refused | None = None
) -> HttpResponse:
    form = AnswerForm(request.POST if request.method == "POST" else None, verb=verb)
    problems = refusal.missing if refusal else ()
    asked = [Asked(field, tuple(one for one in problems if one.field == field.name), verb == SKIP) for field in form]
    form.fields["came_of"].widget.attrs["autofocus"] = True
    context = {
        "title": f"{LABELS[verb]}: {standing.ritual.label}",
        "verb": verb,
        "label": LABELS[verb],
        "said": due_words(time) if time.verdict == "due" else period_words(time.period),
        "time": time,
        "asked": asked,
        "blocked": [refusal.message] if refusal and not refusal.missing else [],
        "back": reverse("admin:ritual", args=[standing.ritual.key]),
        "next": request.POST.get("next", "") or request.GET.get("next", ""),
    }
    conflict = 409 if refusal is not None and refusal.code in CONFLICTS else 0
    drawn = {"partial": "reviews/dialog_form.html", "page": "reviews/dialog.html"}
    return dialog(request, context, refusal, site=site, status=conflict, **drawn)


def _after(request: HttpRequest, key: str) -> str:
    """Where it was asked from, else the ritual's page."""
    wanted = request.POST.get("next", "")
    if wanted and url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()):
        return wanted
    return reverse("admin:ritual", args=[key])


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
