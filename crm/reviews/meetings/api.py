"""Meetings over the API: `/api/v1/meetings/`, and the minutes of one, `/api/v1/meetings/{id}/minutes/` (P1, P2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

import django_filters
from django import forms
from django.db.models import QuerySet
from django.http import Http404
from django.urls import URLPattern, re_path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.api.etags import Hashed
from crm.core.api.figures import KNOWN, UNCHANGED, FiguresView, page_of, parameter
from crm.core.api.figures import PAGE as NUMBER
from crm.core.api.problems import Problem
from crm.core.api.queries import Words
from crm.core.api.scopes import declare_right, declare_scopes
from crm.core.api.serializers import RecordSerializer
from crm.core.api.views import RecordViewSet, record_id
from crm.core.days import LATEST
from crm.core.permissions import may
from crm.enquiries.attainment_asked import midnight
from crm.people.models import User
from crm.reviews.meetings.api_shapes import COMPUTED, ONE
from crm.reviews.meetings.counts import Counts, counts_of, counts_of_each
from crm.reviews.meetings.holding import kind_of
from crm.reviews.meetings.kinds import KINDS, ReviewKind, scopes_told
from crm.reviews.meetings.minutes import END, PAGE, Told, figures, in_order, told
from crm.reviews.models import Item, Meeting

SCOPE = "meetings:read"
COLUMNS = "id kind scope state started_at started_by_id ended_at ended_by_id holder_id".split()


def readable(user: User) -> list[str]:
    """The kinds of meetings that somebody may read about: those whose records they may see."""
    return [key for key, review in KINDS.items() if may(user, "view", review.model)]


declare_scopes("meetings", read="Read meetings and their minutes")
declare_right(SCOPE, lambda user: bool(readable(user)))


class MeetingSerializer(RecordSerializer):
    """A sales huddle or a lead pipeline review: held, running, or called off."""

    model = Meeting
    names: ClassVar[Mapping[str, str]] = {
        **{name: name.removesuffix("_id") for name in COLUMNS},
        "version": "revision",
        "minutes_sent_at": "sent_at",
    }

    def get_fields(self) -> dict[str, Any]:
        """The columns; what narrows it is an object."""
        return {**super().get_fields(), "scope": serializers.DictField(read_only=True)}


class Day(django_filters.Filter):
    """Begun on this day of the company's calendar or later; `last`: or earlier."""

    field_class = forms.DateField

    def __init__(self, *, last: bool = False, **kwargs: Any) -> None:
        super().__init__(field_name="started_at", **kwargs)
        self.last = last

    def filter(self, qs: Any, value: date | None) -> Any:
        if value is None or (self.last and value >= LATEST):
            return qs
        if self.last:
            return qs.filter(started_at__lt=midnight(value + timedelta(days=1)))
        return qs.filter(started_at__gte=midnight(value))


class MeetingFilters(django_filters.FilterSet):
    """What meetings are found by."""

    kind = Words("kind", lambda: Meeting.Kind.choices, help_text="One or more kinds, between commas.")
    state = Words("state", lambda: Meeting.State.choices, help_text="One or more states, between commas.")
    since = Day(help_text="Begun on this day or later, in the company's zone.")
    until = Day(last=True, help_text="Begun on this day or earlier.")


class MeetingViewSet(RecordViewSet):
    """Meetings. What was said in one is in its minutes."""

    resource = "meetings"
    model = Meeting
    serializer_class = MeetingSerializer
    filterset_class = MeetingFilters
    http_method_names = ["get", "head", "options"]
    orderings: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "started_at": ("started_at", "id"),
        "-started_at": ("-started_at", "-id"),
    }
    computed: ClassVar[Mapping[str, Any]] = COMPUTED

    def see(self) -> None:
        """Refuse who may see none of what meetings are about."""
        kinds_of(self.actor)

    def rows(self) -> QuerySet[Any]:
        """Those about what the key's user may see."""
        return Meeting.objects.filter(kind__in=readable(self.actor))

    def compute(self, rows: list[dict[str, Any]]) -> None:
        """What each is called, how long it took, and its agenda counted."""
        found = Meeting.objects.in_bulk([row["id"] for row in rows])
        words, counts = scopes_told(found.values()), counts_of_each([*found.values()])
        for row in rows:
            pk = row["id"]
            row |= computed_of(found[pk], words[pk], counts[pk], at=self.at)


def kinds_of(user: User) -> list[str]:
    """The kinds of meetings that somebody may read about.

    Raises:
        Problem: 403 for who may read about none.
    """
    if not (found := readable(user)):
        raise Problem(403, "forbidden", "This key's user may see no meetings.")
    return found


class MeetingMinutes(FiguresView):
    """The minutes of one meeting."""

    resource = "meetings"
    scopes: ClassVar[dict[str, str]] = {"meetings": SCOPE}
    action_of_method: ClassVar[dict[str, str]] = {"GET": "meetings"}

    @extend_schema(
        responses={200: ONE, 304: UNCHANGED},
        operation_id="meetings_minutes",
        parameters=[KNOWN, parameter(NUMBER, f"Which {PAGE} of its items, from 1.", OpenApiTypes.INT)],
    )
    def get(self, request: Request, pk: str) -> Response:
        """What the minutes say; while it runs, so far."""
        kinds, page = kinds_of(self.actor), page_of(self.params(request, NUMBER))
        meeting = Meeting.objects.select_related("occasion").filter(pk=record_id(pk)).first()
        if meeting is None or meeting.kind not in kinds:
            raise Http404
        before = (page - 1) * PAGE
        items = list(in_order(meeting)[before : before + PAGE + 1])
        review, occasion = kind_of(meeting), meeting.occasion
        ritual = {"key": occasion.ritual, "period": occasion.period, "number": occasion.number} if occasion else None
        return Hashed(
            request,
            {
                **row_told(meeting, review.scope_words(meeting.scope), counts_of(meeting), at=self.at),
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
                "items": [item_told(review, one) for one in told(meeting, items[:PAGE], at=self.at)],
                "next_page": page + 1 if len(items) > PAGE else None,
            },
        )


def row_told(meeting: Meeting, words: str, counts: Counts, *, at: datetime) -> dict[str, Any]:
    """A meeting by its names in the API, with what is computed of it."""
    stored = {name: getattr(meeting, column) for name, column in MeetingSerializer.columns().items()}
    return stored | computed_of(meeting, words, counts, at=at)


def computed_of(meeting: Meeting, words: str, counts: Counts, *, at: datetime) -> dict[str, Any]:
    """What a meeting is called, how long it took, and its agenda counted."""
    return {
        "label": meeting.get_kind_display(),
        "scope_words": words,
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
    re_path("^meetings/(?P<pk>[^/]+)/minutes/?$", MeetingMinutes.as_view(), name="meeting_minutes"),
]
