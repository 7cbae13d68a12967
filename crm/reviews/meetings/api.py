"""Meetings over the API: `/api/v1/meetings/`, and one with its minutes, `/api/v1/meetings/{id}/` (P1, P2)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.http import Http404
from django.urls import URLPattern, re_path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.api.figures import PAGE as NUMBER
from crm.core.api.figures import FiguresView, page_of, parameter, reading
from crm.core.api.problems import Problem
from crm.core.api.scopes import declare_right, declare_scopes
from crm.core.api.views import record_id
from crm.core.permissions import may
from crm.people.models import User
from crm.reviews.meetings.api_shapes import LIST, ONE
from crm.reviews.meetings.asked import PARAMETERS, read_asked
from crm.reviews.meetings.counts import Counts, counts_of, counts_of_each
from crm.reviews.meetings.holding import kind_of
from crm.reviews.meetings.kinds import KINDS, ReviewKind, scopes_told
from crm.reviews.meetings.minutes import END, PAGE, Told, figures, in_order, told
from crm.reviews.models import Item, Meeting

SIZE = 100
SCOPE = "meetings:read"


def readable(user: User) -> list[str]:
    """The kinds of meetings that somebody may read about: those whose records they may see."""
    return [key for key, review in KINDS.items() if may(user, "view", review.model)]


declare_scopes("meetings", read="Read meetings and their minutes")
declare_right(SCOPE, lambda user: bool(readable(user)))


class MeetingView(FiguresView):
    """What both addresses share: who may."""

    resource = "meetings"
    scopes: ClassVar[dict[str, str]] = {"meetings": SCOPE}
    action_of_method: ClassVar[dict[str, str]] = {"GET": "meetings"}

    def kinds(self) -> list[str]:
        """The kinds of meetings that the key's user may read about.

        Raises:
            Problem: 403 for who may read about none.
        """
        if not (found := readable(self.actor)):
            raise Problem(403, "forbidden", "This key's user may see no meetings.")
        return found


class Meetings(MeetingView):
    """The meetings there are."""

    @extend_schema(
        responses={200: LIST},
        operation_id="meetings_list",
        parameters=[
            parameter("kind", "Only of this kind.", enum=[*Meeting.Kind.values]),
            parameter("state", "Only those that are so far.", enum=[*Meeting.State.values]),
            parameter("since", "Begun on this day or later, in the company's zone.", OpenApiTypes.DATE),
            parameter("until", "Begun on this day or earlier.", OpenApiTypes.DATE),
            parameter(NUMBER, f"Which {SIZE}, from 1.", OpenApiTypes.INT),
        ],
    )
    def get(self, request: Request) -> Response:
        """Those that were held, that run, and that were called off, the newest first."""
        kinds, params = self.kinds(), self.params(request, NUMBER, *PARAMETERS)
        page = page_of(params)
        with reading():
            asked = read_asked(params)
        before = (page - 1) * SIZE
        found = list(asked.rows().filter(kind__in=kinds)[before : before + SIZE + 1])
        counts, words = counts_of_each(found[:SIZE]), scopes_told(found[:SIZE])
        return Response(
            {
                "results": [row_told(one, words[one.pk], counts[one.pk], at=self.at) for one in found[:SIZE]],
                "next_page": page + 1 if len(found) > SIZE else None,
            }
        )


class MeetingMinutes(MeetingView):
    """One meeting with its minutes."""

    @extend_schema(
        responses={200: ONE},
        operation_id="meetings_retrieve",
        parameters=[parameter(NUMBER, f"Which {PAGE} of its items, from 1.", OpenApiTypes.INT)],
    )
    def get(self, request: Request, pk: str) -> Response:
        """What the minutes say; while it runs, so far."""
        kinds, page = self.kinds(), page_of(self.params(request, NUMBER))
        meeting = Meeting.objects.select_related("occasion").filter(pk=record_id(pk)).first()
        if meeting is None or meeting.kind not in KINDS:
            raise Http404
        if meeting.kind not in kinds:
            raise Problem(403, "forbidden", "This key's user may not see what this meeting is about.")
        before = (page - 1) * PAGE
        items = list(in_order(meeting)[before : before + PAGE + 1])
        review, occasion = kind_of(meeting), meeting.occasion
        ritual = {"key": occasion.ritual, "period": occasion.period, "number": occasion.number} if occasion else None
        return Response(
            {
                **row_told(meeting, review.scope_words(meeting.scope), counts_of(meeting), at=self.at),
                "holder_id": meeting.holder_id,
                "attendees": [
                    {"user_id": one.user_id, "name": str(one.user), "since": one.since}
                    for one in meeting.attendees.select_related("user")
                ],
                "figures": [
                    {"label": one.label, "start": one.before, "end": one.now} for one in figures(meeting, at=self.at)
                ],
                "totals_at_start": {name: value for name, value in meeting.totals.items() if name != END},
                "totals_at_end": meeting.totals.get(END),
                "decisions": decisions_of(meeting),
                "notes": meeting.notes,
                "ritual": ritual,
                "minutes_sent_at": meeting.sent_at,
                "items": [item_told(review, one) for one in told(meeting, items[:PAGE], at=self.at)],
                "next_page": page + 1 if len(items) > PAGE else None,
            }
        )


def row_told(meeting: Meeting, words: str, counts: Counts, *, at: datetime) -> dict[str, Any]:
    """A meeting by its names in the API."""
    return {
        "id": meeting.pk,
        "kind": meeting.kind,
        "label": meeting.get_kind_display(),
        "scope": meeting.scope,
        "scope_words": words,
        "state": meeting.state,
        "started_at": meeting.started_at,
        "started_by_id": meeting.started_by_id,
        "ended_at": meeting.ended_at,
        "ended_by_id": meeting.ended_by_id,
        "duration_seconds": max(int(((meeting.ended_at or at) - meeting.started_at).total_seconds()), 0),
        "counts": {"total": counts.total, **{state: counts.by_state.get(state, 0) for state in Item.State.values}},
    }


def item_told(review: ReviewKind, one: Told) -> dict[str, Any]:
    """An item as the minutes tell it."""
    item = one.item
    return {
        "position": item.position,
        "record_id": item.record_id,
        "name": item.name,
        "owner_id": item.owner_id,
        "owner_name": str(item.owner) if item.owner else "",
        "reasons": [{"code": code, "label": review.reasons.get(code, code)} for code in item.reasons],
        "state": item.state,
        "answers": [{"code": code, "label": label} for code, label in zip(item.answers, one.answers, strict=True)],
        "promised": list(one.promised),
        "changes": [{"field": label, "before": old, "after": new} for label, old, new in one.changes],
        "decision": item.decision,
        "skip_reason": item.skip_reason,
        "note": item.note,
        "answered_by_id": item.answered_by_id,
        "answered_at": item.answered_at,
    }


def decisions_of(meeting: Meeting) -> list[str]:
    """What was decided of the whole, one by one, as the minutes have it."""
    return [one for one in meeting.decisions.splitlines() if one.strip()]


addresses: list[URLPattern] = [
    re_path("^meetings/?$", Meetings.as_view(), name="meetings"),
    re_path("^meetings/(?P<pk>[^/]+)/?$", MeetingMinutes.as_view(), name="meeting"),
]
