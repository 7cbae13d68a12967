"""How promises to answer were kept, over the API: `/api/v1/response-times/`, the figures of the page (R7)."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from crm import handbook
from crm.core.api.figures import BY, FiguresView, choice, parameter, reading, shape
from crm.core.api.problems import Problem
from crm.core.api.scopes import declare_scopes
from crm.core.permissions import may
from crm.enquiries.attainment import DIMENSIONS, Figures, attainment
from crm.enquiries.attainment_asked import NOBODY, PARAMETERS, read_asked
from crm.enquiries.attainment_words import ordered
from crm.enquiries.models import Enquiry
from crm.people.choosing import people

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


ANSWER = shape(
    {
        "by": {"type": "string", "enum": list(DIMENSIONS)},
        "since": {"type": "string", "format": "date"},
        "until": {"type": "string", "format": "date"},
        "zone": {"type": "string", "description": "Whose days and weeks these are."},
        "total": shape(FIGURES),
        "results": {"type": "array", "items": shape({"key": KEY, "label": {"type": "string"}, **FIGURES})},
        "voided_by": {"type": "array", "items": shape(VOIDER)},
    }
)


class ResponseTimes(FiguresView):
    """Figures of response times; for keys of managers and of programs."""

    resource = "response-times"
    scopes: ClassVar[dict[str, str]] = {"response_times": SCOPE}
    action_of_method: ClassVar[dict[str, str]] = {"GET": "response_times"}

    @extend_schema(
        responses={200: ANSWER},
        operation_id="response_times",
        parameters=[
            parameter(BY, "What there is a line for each of; channel unless said.", enum=list(DIMENSIONS)),
            parameter("since", "The first day, in the company's zone; 13 weeks unless said.", OpenApiTypes.DATE),
            parameter("until", "The last day, which is counted too; today unless said.", OpenApiTypes.DATE),
            parameter("channel", "Only enquiries by this channel."),
            parameter("policy", "Only enquiries under this policy."),
            parameter("owner", f"Only those of this user, at the verdict; “{NOBODY}” for nobody's."),
            parameter("team", f"Only those of this team, at the verdict; “{NOBODY}” for no team's."),
        ],
    )
    def get(self, request: Request) -> Response:
        """In total, for each value of `by`, and who voided how many. Three years at most."""
        if not may(self.actor, "response_times", Enquiry):
            raise Problem(403, "forbidden", "Response times are for managers.")
        params = self.params(request, BY, *PARAMETERS)
        by = choice(params, BY, DIMENSIONS, "channel")
        with reading():
            asked = read_asked(params, at=self.at)
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
