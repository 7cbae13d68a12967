"""What is sent from the pages of a meeting: one domain call each, and what it answered, with JavaScript or without.

What was typed and refused comes back as it was typed, with why.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from crm.core.asking import moment, refusal_words, user_of
from crm.core.errors import Refused, Stale
from crm.core.text import whole_number
from crm.people.models import User
from crm.reviews.meetings import services
from crm.reviews.meetings.holding import kind_of
from crm.reviews.meetings.pages import draw, find
from crm.reviews.meetings.showing import Tried
from crm.reviews.models import Meeting
from crm.site import site

VIA = "admin"
CONFLICTS = ("not_holder", "taken_over", "stale", "ended", "items_wait", "answered")
# Beside the fields of the record's own form.
OURS = ("csrfmiddlewaretoken", "position")
# What is told again when there is no page any more to show it in.
TYPED = ("item_note", "item_decision", "item_skip_reason", "text")
Act = Callable[[HttpRequest, Meeting, User, datetime], str]


@site.page("reviews/meetings/start/", "meeting_start")
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Begin a meeting of a kind and a scope, or join the one that runs."""
    kind = request.POST.get("kind", "")
    given = {name: str(request.POST[name]) for name in request.POST if name not in ("kind", "csrfmiddlewaretoken")}
    user, at = user_of(request), moment(request)
    try:
        home = reverse(f"admin:{kind_of(kind).page}")
    except Refused as refusal:
        raise Http404(refusal.message) from refusal
    try:
        meeting = services.start_meeting(kind, given, actor=user, at=at, via=VIA)
    except Refused as refusal:
        if refusal.code == "forbidden":
            raise PermissionDenied(refusal.message) from refusal
        messages.error(request, refusal_words(refusal))
        return HttpResponseRedirect(home)
    if meeting.started_at != at:
        messages.info(request, f"It runs since {meeting.started_by} began it: you have joined.")
    return HttpResponseRedirect(reverse("admin:meeting", args=[meeting.pk]))


@site.page("reviews/meetings/<int:pk>/<str:verb>/", "meeting_do")
@require_POST
def act(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """One step of a meeting."""
    if verb not in ACTS:
        raise Http404("There is nothing of that name to do.")
    meeting = find(request, pk)
    try:
        said = ACTS[verb](request, meeting, user_of(request), moment(request))
    except Refused as refusal:
        return _refused(request, meeting, verb, refusal)
    if _by_script(request):
        meeting.refresh_from_db(fields=["revision"])
        return JsonResponse({"revision": meeting.revision})
    if said:
        messages.success(request, said)
    return HttpResponseRedirect(_after(request, meeting))


def _by_script(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def _after(request: HttpRequest, meeting: Meeting) -> str:
    wanted = request.POST.get("next", "")
    if wanted and url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()):
        return wanted
    return reverse("admin:meeting", args=[meeting.pk])


def _refused(request: HttpRequest, meeting: Meeting, verb: str, refusal: Refused) -> HttpResponse:
    if refusal.code == "not_found":
        raise Http404(refusal.message)
    status = 403 if refusal.code == "forbidden" else 409 if refusal.code in CONFLICTS else 200
    # As it is now: somebody else may have written meanwhile.
    meeting = find(request, meeting.pk)
    if _by_script(request):
        stored = {name: pair[1] for name, pair in refusal.changes.items()} if isinstance(refusal, Stale) else {}
        words = {"code": refusal.code, "message": refusal_words(refusal), "stored": stored}
        return JsonResponse(words, status=status if status != 200 else 400)
    if meeting.state != Meeting.State.RUNNING:
        typed = " ".join(one for name in TYPED if (one := request.POST.get(name, "").strip()))
        messages.error(request, refusal_words(refusal) + (f" What you typed: “{typed}”" if typed else ""))
        return HttpResponseRedirect(reverse("admin:meeting_minutes", args=[meeting.pk]))
    tried = Tried(verb, refusal, request.POST)
    return draw(request, meeting, tried=tried, status=status)


def _position(request: HttpRequest) -> int:
    return whole_number(request.POST.get("position", "")) or 0


def _person(request: HttpRequest) -> User:
    found = User.objects.filter(pk=whole_number(request.POST.get("who", "")) or 0).first()
    if found is None:
        raise Refused("invalid_attendee", "Choose somebody who works here.")
    return found


def _answer(request: HttpRequest, meeting: Meeting, user: User, at: datetime) -> str:
    facts = request.POST.copy()
    for name in [one for one in facts if one.startswith("item_") or one in OURS]:
        del facts[name]
    said = services.Said(
        note=request.POST.get("item_note", ""),
        decision=request.POST.get("item_decision", ""),
        nothing_new="item_nothing_new" in request.POST,
        seen=request.POST.get("item_seen"),
    )
    item = services.answer_item(meeting, _position(request), facts=facts, said=said, actor=user, at=at, via=VIA)
    return f"{item.name}: {item.skip_reason}" if item.state == item.State.GONE else ""


def _skip(request: HttpRequest, meeting: Meeting, user: User, at: datetime) -> str:
    reason = request.POST.get("item_skip_reason", "")
    services.skip_item(meeting, _position(request), reason=reason, actor=user, at=at, via=VIA)
    return ""


def _go(request: HttpRequest, meeting: Meeting, user: User, at: datetime) -> str:
    services.go_to(meeting, _position(request), actor=user, at=at, via=VIA)
    return ""


def _next(request: HttpRequest, meeting: Meeting, user: User, at: datetime) -> str:
    services.go_next(meeting, actor=user, at=at, via=VIA)
    return ""


def _back(request: HttpRequest, meeting: Meeting, user: User, at: datetime) -> str:
    services.go_back(meeting, actor=user, at=at, via=VIA)
    return ""


def _join(request: HttpRequest, meeting: Meeting, user: User, at: datetime) -> str:
    who = _person(request) if "who" in request.POST else user
    services.join(meeting, who=who, actor=user, at=at, via=VIA)
    return ""


def _take_off(request: HttpRequest, meeting: Meeting, user: User, at: datetime) -> str:
    who = _person(request) if "who" in request.POST else user
    services.take_off(meeting, who=who, actor=user, at=at, via=VIA)
    return f"{who} is off the list."


def _take_over(request: HttpRequest, meeting: Meeting, user: User, at: datetime) -> str:
    held_by = whole_number(request.POST.get("held_by", ""))
    services.take_over(meeting, held_by=held_by, actor=user, at=at, via=VIA)
    return "You hold the minutes now."


def _notes(request: HttpRequest, meeting: Meeting, user: User, at: datetime) -> str:
    text, was = request.POST.get("text", ""), request.POST.get("was", "")
    services.write_notes(meeting, text, was=was, actor=user, at=at, via=VIA)
    return "Notes saved."


def _decisions(request: HttpRequest, meeting: Meeting, user: User, at: datetime) -> str:
    text, was = request.POST.get("text", ""), request.POST.get("was", "")
    services.write_decisions(meeting, text, was=was, actor=user, at=at, via=VIA)
    return "Decisions saved."


def _finish(request: HttpRequest, meeting: Meeting, user: User, at: datetime) -> str:
    rest, send = request.POST.get("skip_rest", ""), "send" in request.POST
    done = services.finish_meeting(meeting, skip_rest=rest, send=send, actor=user, at=at, via=VIA)
    ritual = " Its ritual is marked as done." if done.occasion_id else ""
    return f"Finished.{ritual}{' The minutes are on their way.' if send else ''}"


def _call_off(request: HttpRequest, meeting: Meeting, user: User, at: datetime) -> str:
    services.call_off(meeting, actor=user, at=at, via=VIA)
    return "Called off. What was changed in it stays."


def _send(request: HttpRequest, meeting: Meeting, user: User, at: datetime) -> str:
    revision = whole_number(request.POST.get("revision", ""))
    services.send_minutes(meeting, revision=revision, actor=user, at=at, via=VIA)
    return "The minutes are on their way to everybody who was there."


ACTS: dict[str, Act] = {
    "answer": _answer,
    "skip": _skip,
    "go": _go,
    "next": _next,
    "back": _back,
    "join": _join,
    "take-off": _take_off,
    "take-over": _take_over,
    "notes": _notes,
    "decisions": _decisions,
    "finish": _finish,
    "call-off": _call_off,
    "send": _send,
}
