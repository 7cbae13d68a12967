"""Next steps over the API: `/api/v1/opportunities/{id}/next-step/`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.urls import re_path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from contracts.api import OpportunitySerializer
from contracts.models import NextStep, Opportunity
from contracts.next_steps import keep_next_step, promises_of
from crm import handbook
from crm.core.api.etags import condition, etag
from crm.core.api.move_schemas import ID, JSON
from crm.core.api.problems import Flaw, Problem, invalid, not_there, pointer_to
from crm.core.api.scopes import has_scope
from crm.core.api.views import ApiView, record_id
from crm.core.api.writes import VIA, stale_problem
from crm.core.errors import Missing, Refused, Stale
from crm.core.permissions import may

DAY: dict[str, Any] = {"type": ["string", "null"], "format": "date"}
TIME: dict[str, Any] = {"type": ["string", "null"], "format": "date-time"}
TEXT: dict[str, Any] = {"type": "string"}
PROMISE: dict[str, Any] = {
    "type": "object",
    "required": ["next_step", "due_date", "made_at", "made_by", "outcome", "ended_at", "postponed"],
    "properties": {
        "next_step": TEXT,
        "due_date": DAY,
        "made_at": TIME,
        "made_by": TEXT,
        "outcome": {**TEXT, "enum": list(NextStep.Outcome.values)},
        "ended_at": TIME,
        "postponed": {"type": "boolean", "description": "It moved the due date of the one before to a later day."},
    },
}
PROMISES = {
    "type": "object",
    "required": ["id", "version", "promises"],
    "properties": {"id": ID, "version": {"type": "integer"}, "promises": {"type": "array", "items": PROMISE}},
}
KEPT = {
    "type": "object",
    "required": ["id", "version"],
    "properties": {"id": ID, "version": {"type": "integer"}, "kept": PROMISE},
}
BODY = {
    JSON: {
        "type": "object",
        "properties": {
            "next_step": {**TEXT, "description": "What is done next; an open opportunity needs it."},
            "next_step_due_date": {**DAY, "description": "By when; today or later."},
        },
    }
}
NAMES = {"next_step": "next_step", "next_step_due": "next_step_due_date"}


def described(step: NextStep, *, postponed: bool = False) -> dict[str, Any]:
    """One promise."""
    return {
        "next_step": step.text,
        "due_date": step.due_on,
        "made_at": step.made_at,
        "made_by": step.made_by_name,
        "outcome": step.outcome,
        "ended_at": step.ended_at,
        "postponed": postponed,
    }


class NextSteps(ApiView):
    """What was promised of an opportunity; and saying that the next step was done."""

    resource = "opportunities"
    action_of_method: ClassVar[Mapping[str, str]] = {"GET": "retrieve", "HEAD": "retrieve", "POST": "partial_update"}

    def record(self, pk: str) -> Opportunity:
        """The opportunity of the address.

        Raises:
            Http404: there is none.
        """
        number = record_id(pk)
        found = Opportunity.objects.filter(pk=number).first()
        if found is None:
            raise not_there(Opportunity, number)
        return found

    @extend_schema(operation_id="opportunities_next_steps", request=None, responses={200: PROMISES})
    def get(self, request: Request, pk: str) -> Response:
        """Every promise, the newest first."""
        self.no_query()
        record = self.record(pk)
        if not may(self.actor, "view", record):
            raise Problem(403, "forbidden", "This key's user may not see this record.")
        found = promises_of(record, today=handbook.current().today(self.at))
        told = [described(one.step, postponed=one.postponed) for one in found]
        return Response({"id": record.pk, "version": record.version, "promises": told})

    @extend_schema(operation_id="opportunities_keep_next_step", request=BODY, responses={200: KEPT})
    def post(self, request: Request, pk: str) -> Response:
        """The next step was done: kept, or late, by the company's calendar; what is next stands from now on."""
        self.no_query()
        body, record = self.read(), self.record(pk)
        known, version = condition(request, "If-Match"), None
        if known is not None and not known.any:
            version = known.version_of(record.pk) or 0
        try:
            kept = keep_next_step(
                record,
                actor=self.actor,
                at=self.at,
                via=VIA,
                next_step=body.get("next_step"),
                next_step_due=body.get("next_step_due_date"),
                version=version,
            )
        except Stale as stale:
            raise stale_problem(stale, Opportunity, OpportunitySerializer.name_of, tell=self.reads()) from stale
        except Refused as refused:
            missing = [Missing(one.code, one.message, NAMES.get(one.field, one.field)) for one in refused.missing]
            raise Refused(refused.code, refused.message, missing) from refused
        told: dict[str, Any] = {"id": record.pk, "version": record.version}
        if self.reads():
            told["kept"] = described(kept)
        return Response(told, headers={"ETag": etag(record.pk, record.version)})

    def reads(self) -> bool:
        """Whether the key may be told what the record is now."""
        return has_scope(self.request, "opportunities:read") and may(self.actor, "view", Opportunity)

    def read(self) -> dict[str, Any]:
        """The body: two texts, both of which may be left out.

        Raises:
            Problem: 400 with everything else.
        """
        body = self.body()
        names = tuple(NAMES.values())
        flaws = [
            Flaw(name, "unknown_field", f"“{name}” is no field: {', '.join(names)}.", pointer_to(name))
            for name in body
            if name not in names
        ]
        flaws += [Flaw(name, "type", "Send a text.") for name in names if not isinstance(body.get(name), str | None)]
        if flaws:
            raise invalid(flaws)
        return body


addresses = [re_path("^opportunities/(?P<pk>[^/]+)/next-step/?$", NextSteps.as_view(), name="opportunities-next-step")]
