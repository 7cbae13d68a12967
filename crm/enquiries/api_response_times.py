"""How promises to answer were kept, over the API: `/api/v1/response-times/`, the figures of the page (R7)."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from crm import handbook
from crm.core.api.problems import Flaw, Problem, bad_request, invalid
from crm.core.api.queries import Reading, RecordFilters
from crm.core.api.scopes import declare_scopes
from crm.core.api.views import ApiView
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.enquiries.attainment import DIMENSIONS, By, Figures, attainment
from crm.enquiries.attainment_asked import NOBODY, PARAMETERS, read_asked
from crm.enquiries.attainment_words import ordered, people
from crm.enquiries.models import Enquiry

BY = "by"
SCOPE = "enquiries:response_times"
declare_scopes("enquiries", response_times="See how promises to answer were kept, by channel, owner, team and week")
COUNT = {"type": "integer", "minimum": 0}
SECONDS = {"type": ["number", "null"], "minimum": 0}
FIGURES: dict[str, Any] = {
    **dict.fromkeys(("received", "met", "breached", "open", "voided", "no_promise", "barred"), COUNT),
    "kept": {"type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "met / (met + breached)"},
    "median_seconds": {**SECONDS, "description": "Business time to the first response, of those answered."},
    "p90_seconds": {**SECONDS, "description": "The 90th percentile of it."},
}
KEY = {
    "type": ["string", "integer", "null"],
    "description": "A channel's key, an id, a week's Monday; null: nobody.",
}
VOIDER = {"user_id": {"type": ["integer", "null"]}, "name": {"type": "string"}, "voided": COUNT}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": False}


ANSWER = _object(
    {
        "by": {"type": "string", "enum": list(DIMENSIONS)},
        "since": {"type": "string", "format": "date"},
        "until": {"type": "string", "format": "date"},
        "zone": {"type": "string", "description": "Whose days and weeks these are."},
        "total": _object(FIGURES),
        "results": {"type": "array", "items": _object({"key": KEY, "label": {"type": "string"}, **FIGURES})},
        "voided_by": {"type": "array", "items": _object(VOIDER)},
    }
)


def _parameter(name: str, text: str, kind: Any = OpenApiTypes.STR, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=text, **more)


class ResponseTimes(ApiView):
    """Figures of response times; for keys of managers and of programs."""

    resource = "response-times"
    scopes: ClassVar[dict[str, str]] = {"response_times": SCOPE}
    action_of_method: ClassVar[dict[str, str]] = {"GET": "response_times"}
    http_method_names = ["get", "head", "options"]

    @extend_schema(
        responses={200: ANSWER},
        operation_id="response_times",
        parameters=[
            _parameter(BY, "What there is a line for each of; channel unless said.", enum=list(DIMENSIONS)),
            _parameter("since", "The first day, in the company's zone; 13 weeks unless said.", OpenApiTypes.DATE),
            _parameter("until", "The last day, which is counted too; today unless said.", OpenApiTypes.DATE),
            _parameter("channel", "Only enquiries by this channel."),
            _parameter("policy", "Only enquiries under this policy."),
            _parameter("owner", f"Only those of this user, at the verdict; “{NOBODY}” for nobody's."),
            _parameter("team", f"Only those of this team, at the verdict; “{NOBODY}” for no team's."),
        ],
    )
    def get(self, request: Request) -> Response:
        """In total, for each value of `by`, and who voided how many. Three years at most."""
        if not may(self.actor, "response_times", Enquiry):
            raise Problem(403, "forbidden", "Response times are for managers.")
        params = request.query_params
        Reading({}, RecordFilters).refuse_unknown(params, {BY, *PARAMETERS})
        by = dimension(params.get(BY) or "channel")
        try:
            asked = read_asked({name: params[name] for name in PARAMETERS if name in params}, at=self.at)
        except Refused as refused:
            raise invalid(Flaw(one.field, one.code, one.message) for one in refused.missing) from refused
        found = attainment(asked, at=self.at, by=(by,))
        names = people(list(found.voiders))
        return Response(
            {
                "by": by,
                "since": asked.since,
                "until": asked.until,
                "zone": str(handbook.current().zone),
                "total": told(found.total),
                "results": [{"key": key, "label": label, **told(one)} for key, label, one in ordered(found, by)],
                "voided_by": [
                    {"user_id": pk, "name": names.get(pk, ""), "voided": count}
                    for pk, count in sorted(found.voiders.items(), key=lambda one: (-one[1], one[0] or 0))
                ],
            }
        )


def dimension(text: str) -> By:
    """What there is a line for each of.

    Raises:
        Problem: 400 for anything else.
    """
    for by in DIMENSIONS:
        if by == text:
            return by
    message = f"“{text}” is none of: {', '.join(DIMENSIONS)}."
    raise bad_request("invalid_by", message, [Flaw(BY, "invalid_by", message)])


def told(one: Figures) -> dict[str, Any]:
    """Figures by their names in the API."""
    return {
        "received": one.received,
        "met": one.met,
        "breached": one.breached,
        "open": one.open,
        "voided": one.voided,
        "no_promise": one.no_promise,
        "barred": one.barred,
        "kept": one.kept,
        "median_seconds": one.median,
        "p90_seconds": one.ninetieth,
    }
