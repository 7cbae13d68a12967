"""The pages of a meeting: the one it is held on, whether there is news on it, and its minutes."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from crm.core.asking import moment, user_of
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.people.models import User
from crm.reviews.meetings.counts import counts_of
from crm.reviews.meetings.export import may_export
from crm.reviews.meetings.holding import kind_of
from crm.reviews.meetings.kinds import KINDS
from crm.reviews.meetings.minutes import END, PAGE, duration_words, figures, in_order, told
from crm.reviews.meetings.showing import Tried, context_of
from crm.reviews.models import Meeting
from crm.site import site


@site.page("reviews/meetings/<int:pk>/", "meeting")
@require_safe
def meeting_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The item that the meeting is at, for who holds the minutes to answer and for the others to follow."""
    meeting = find(request, pk)
    if meeting.state != Meeting.State.RUNNING:
        return HttpResponseRedirect(reverse("admin:meeting_minutes", args=[pk]))
    return draw(request, meeting)


def find(request: HttpRequest, pk: int) -> Meeting:
    """The meeting that is asked for, for who may see it."""
    if not may(user_of(request), "view", Meeting):
        raise PermissionDenied
    people = ("holder", "started_by", "ended_by", "occasion")
    meeting = Meeting.objects.select_related(*people).filter(pk=pk).first()
    if meeting is None or meeting.kind not in KINDS:
        raise Http404("There is no such meeting.")
    return meeting


def draw(request: HttpRequest, meeting: Meeting, *, tried: Tried | None = None, status: int = 200) -> HttpResponse:
    """The page of a running meeting, with what was tried and refused."""
    user, at = user_of(request), moment(request)
    context = context_of(
        request,
        meeting,
        user=user,
        at=at,
        look=whole_number(request.GET.get("item", "")),
        page=whole_number(request.GET.get("page", "")),
        tried=tried,
    )
    everything = {**site.each_context(request), "title": meeting.get_kind_display(), "at": at, **context}
    return TemplateResponse(request, "reviews/meeting.html", everything, status=status)


@site.page("reviews/meetings/<int:pk>/news/", "meeting_news")
@require_safe
def news(request: HttpRequest, pk: int) -> HttpResponse:
    """Whether anything was written since the revision that is named (`If-None-Match`): 304 when not; one query."""
    if not may(user_of(request), "view", Meeting):
        raise PermissionDenied
    row = Meeting.objects.filter(pk=pk).values_list("revision", "state", "holder_id").first()
    if row is None:
        raise Http404("There is no such meeting.")
    revision, state, holder = row
    tag = f'"{pk}.{revision}"'
    if request.headers.get("If-None-Match", "") == tag:
        return HttpResponseNotModified(headers={"ETag": tag})
    who = User.objects.filter(pk=holder).first() if holder else None
    said = {"revision": revision, "state": state, "holder": holder, "holder_name": str(who) if who else ""}
    return JsonResponse(said, headers={"ETag": tag, "Cache-Control": "no-store"})


@site.page("reviews/meetings/<int:pk>/minutes/", "meeting_minutes")
@require_safe
def minutes_page(request: HttpRequest, pk: int) -> HttpResponse:
    """What came of a meeting; while it runs, so far."""
    meeting, at = find(request, pk), moment(request)
    review, counts = kind_of(meeting), counts_of(meeting)
    pages = max(-(-counts.total // PAGE), 1)
    page = min(max(whole_number(request.GET.get("page", "")) or 1, 1), pages)
    items = list(in_order(meeting)[(page - 1) * PAGE : page * PAGE])
    context = {
        "title": f"Minutes: {meeting.get_kind_display().lower()}",
        "meeting": meeting,
        "scope_words": review.scope_words(meeting.scope),
        "counts": counts,
        "duration": duration_words(meeting, at=at),
        "attendees": list(meeting.attendees.select_related("user")),
        "figures": figures(meeting, at=at),
        "then": "At the end" if END in meeting.totals else "Now",
        "told": told(meeting, items, at=at),
        "decided": [one for one in meeting.decisions.splitlines() if one.strip()],
        "decided_of": list(meeting.items.exclude(decision="").order_by("position").only("name", "decision")[:PAGE]),
        "page": page,
        "pages": pages,
        "before": page - 1,
        "after": page + 1 if page < pages else 0,
        "may_send": _may_send(user_of(request), meeting),
        "may_export": may_export(user_of(request), meeting),
        "home": reverse(f"admin:{review.page}"),
        "at": at,
    }
    return TemplateResponse(request, "reviews/minutes.html", {**site.each_context(request), **context})


def _may_send(user: User, meeting: Meeting) -> bool:
    held = meeting.state == Meeting.State.HELD
    return held and (may(user, "send", meeting) or may(user, "hold", meeting))
