"""Clocks over the API: `/api/v1/clocks/`, and why one is due when it is: `/api/v1/clocks/{id}/explain/`. Read only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from django.urls import URLPattern, re_path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from crm.clocks.explained import VERDICTS, Explained, Taken, explained, with_verdict
from crm.clocks.explaining import Part
from crm.clocks.models import Clock, ClockEvent
from crm.core.api.problems import Problem
from crm.core.api.queries import Before, Since, WordsField
from crm.core.api.scopes import declare_scopes
from crm.core.api.serializers import RecordSerializer
from crm.core.api.views import ApiView, RecordViewSet, record_id
from crm.core.permissions import may

declare_scopes("clocks", read="See response times: what was promised, what happened, and why it is due when it is")

TEXT: dict[str, Any] = {"type": "string"}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
MAYBE_TIME: dict[str, Any] = {"type": ["string", "null"], "format": "date-time"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


EXPLAINED = _object(
    id=COUNT,
    policy={**TEXT, "description": "Its key, in the handbook that the clock keeps."},
    policy_label=TEXT,
    promised={**TEXT, "description": "The span to the limit, as “2 business days”."},
    by_business_time={"type": "boolean", "description": "Whether closed time is left out of the count."},
    in_business_hours={"type": "boolean", "description": "Whether the request came within business hours."},
    verdict={"type": "string", "enum": [*VERDICTS]},
    received_at=TIME,
    target_at=MAYBE_TIME,
    limit_at={**TIME, "description": "The due instant; of a clock that is held up, if it went on now."},
    held_up_since=MAYBE_TIME,
    answered_at=MAYBE_TIME,
    voided_at=MAYBE_TIME,
    company_zone=TEXT,
    hours_zone={**TEXT, "description": "The zone of the business hours that it is counted by."},
    counted_seconds=COUNT,
    uncounted_seconds=COUNT,
    stretches={
        "type": "array",
        "description": "The time from the request to the limit, without a gap.",
        "items": _object(
            start=TIME,
            end=TIME,
            seconds=COUNT,
            counted={"type": "boolean"},
            why={
                "type": "string",
                "enum": ["open", "night", "break", "weekend", "closed_weekday", "holiday", "own_day", "held_up"],
            },
            label={**TEXT, "description": "In words; of a holiday or a day of the company's own, its name."},
        ),
    },
    steps={
        "type": "array",
        "description": "What is done unless somebody answers, by the times that hold now.",
        "items": _object(
            step=TEXT,
            kind={"type": "string", "enum": ["warned", "breached", "escalated"]},
            at=TIME,
            to={"type": "array", "items": TEXT, "description": "Who is told besides the owner."},
            taken_at={**MAYBE_TIME, "description": "When it was done; null where it was not."},
        ),
    },
    events={
        "type": "array",
        "description": "What happened so far.",
        "items": _object(
            kind={"type": "string", "enum": [*ClockEvent.Kind.values]},
            step=TEXT,
            at={**TIME, "description": "When it was true."},
            recorded_at={**TIME, "description": "When it was written."},
            by_id={"type": ["integer", "null"]},
            reason=TEXT,
        ),
    },
)


class OfVerdict(django_filters.Filter):
    """Clocks of which the database says this now."""

    field_class = WordsField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(field_name="verdict", words=lambda: VERDICTS.items(), **kwargs)

    def filter(self, qs: QuerySet[Clock], value: Sequence[str]) -> QuerySet[Clock]:
        """Those; the open ones by the index of what is open."""
        if not value:
            return qs
        found = with_verdict(qs).filter(verdict__in=value)
        return found.filter(stopped_at=None, voided_at=None) if set(value) == {"open"} else found


class ClockFilters(django_filters.FilterSet):
    """What clocks are found by: their times. By channel, person or record, enquiries are."""

    verdict = OfVerdict(help_text="One or more of open, met, breached, voided, between commas: as it is now.")
    started_since = Since("started_at", help_text="Received at this time or later.")
    started_before = Before("started_at", help_text="Received before this time.")


class ClockSerializer(RecordSerializer):
    """One promise to answer somebody by a time, and how it stands."""

    model = Clock
    names: ClassVar[Mapping[str, str]] = {
        "id": "id",
        "policy": "policy",
        "channel": "channel",
        "priority": "priority",
        "segment": "segment",
        "tier": "tier",
        "received_at": "started_at",
        "in_business_hours": "in_hours",
        "target_at": "target_at",
        "limit_at": "limit_at",
        "next_step_at": "next_at",
        "held_up_since": "paused_at",
        "answered_at": "stopped_at",
        "answered_by": "stopped_by",
        "voided_at": "voided_at",
        "quiet": "quiet",
        "verdict_owner_id": "verdict_owner",
        "verdict_team_id": "verdict_team",
        "worked_seconds": "worked_seconds",
        "handbook_id": "handbook",
    }
    writable: ClassVar[Collection[str]] = ()


class ClockViewSet(RecordViewSet):
    """Clocks. They follow what happens to the requests they belong to: nobody writes one."""

    resource = "clocks"
    model = Clock
    serializer_class = ClockSerializer
    filterset_class = ClockFilters
    http_method_names = ["get", "head", "options"]

    orderings: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "received_at": ("started_at", "id"),
        "-received_at": ("-started_at", "-id"),
    }
    computed: ClassVar[Mapping[str, Any]] = {
        "verdict": {"type": "string", "enum": [*VERDICTS], "description": "How it stands now: time alone changes it."}
    }

    def compute(self, rows: list[dict[str, Any]]) -> None:
        """The verdict of each, by the database."""
        verdicts = with_verdict(Clock.objects.filter(pk__in=[row["id"] for row in rows]))
        found = dict(verdicts.order_by().values_list("pk", "verdict"))
        for row in rows:
            row["verdict"] = found[row["id"]]


class ExplainClock(ApiView):
    """`GET /clocks/{id}/explain/`: every stretch of time from the request to the limit, and why it counts or not."""

    resource = "clocks"
    action_of_method: ClassVar[Mapping[str, str]] = {"GET": "retrieve", "HEAD": "retrieve"}

    @extend_schema(request=None, responses={200: EXPLAINED}, operation_id="clocks_explain")
    def get(self, request: Request, pk: str) -> Response:
        """As the page draws it; times in UTC, with the zones to read them in."""
        self.no_query()
        if not may(self.actor, "view", Clock):
            raise Problem(403, "forbidden", "This key's user may see no clocks.")
        found = explained(record_id(pk), at=self.at)
        if found is None:
            raise Http404
        return Response(as_json(found))


def as_json(found: Explained) -> dict[str, Any]:
    """An explained clock."""
    clock, told = found.clock, found.explanation
    return {
        "id": clock.pk,
        "policy": clock.policy,
        "policy_label": told.policy.label,
        "promised": told.promised,
        "by_business_time": told.by_business,
        "in_business_hours": told.in_hours,
        "verdict": found.verdict,
        "received_at": told.started,
        "target_at": told.target,
        "limit_at": told.limit,
        "held_up_since": clock.paused_at,
        "answered_at": clock.stopped_at,
        "voided_at": clock.voided_at,
        "company_zone": found.book.zone.key,
        "hours_zone": found.book.calendar(told.policy).zone.key,
        "counted_seconds": int(told.counted.total_seconds()),
        "uncounted_seconds": int(told.uncounted.total_seconds()),
        "stretches": [_stretch(part) for part in told.parts],
        "steps": [_step(one) for one in found.steps],
        "events": [
            {
                "kind": event.kind,
                "step": event.step,
                "at": event.at,
                "recorded_at": event.recorded_at,
                "by_id": event.by_id,
                "reason": event.reason,
            }
            for event in found.events
        ],
    }


def _stretch(part: Part) -> dict[str, Any]:
    return {
        "start": part.start,
        "end": part.end,
        "seconds": int(part.length.total_seconds()),
        "counted": part.counted,
        "why": part.why,
        "label": part.label,
    }


def _step(one: Taken) -> dict[str, Any]:
    return {
        "step": one.step.name,
        "kind": one.step.kind,
        "at": one.step.at,
        "to": list(one.step.to),
        "taken_at": one.event.recorded_at if one.event is not None and one.event.at == one.step.at else None,
    }


addresses: list[URLPattern] = [
    re_path("^clocks/(?P<pk>[^/]+)/explain/?$", ExplainClock.as_view(), name="clocks-explain"),
]
