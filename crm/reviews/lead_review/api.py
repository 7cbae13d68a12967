"""The lead pipeline review over the API: `/api/v1/lead-review/`, the figures of the page (P2)."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from crm import handbook
from crm.core.api.figures import BY, FiguresView, choice, parameter, reading, shape
from crm.core.api.problems import Problem
from crm.core.api.scopes import declare_right, declare_scopes
from crm.core.permissions import may
from crm.enquiries.attainment_asked import NOBODY
from crm.reviews.lead_review.asked import NOW, PARAMETERS, read_asked
from crm.reviews.lead_review.figures import DIMENSIONS, Flow, Standing, flow, is_of_path, standing
from crm.reviews.lead_review.words import ordered
from leads.models import Lead

SCOPE = "leads:review"
declare_scopes("leads", review="See the figures of the lead pipeline review: counts, ages, and what leads need")
declare_right(SCOPE, lambda user: may(user, "view", Lead))
COUNT = {"type": "integer", "minimum": 0}
NOW_WORDS = {
    "at_risk": "An answer they wait for was warned of.",
    "breached": "The limit of an answer they wait for has passed.",
    "over": "In their status for longer than the handbook's limit.",
    "unowned": "Open, and nobody's.",
    "no_next": "Open, and without a next touch.",
    "stale": "Open, and without a touch for as long as the handbook says.",
}
STANDING: dict[str, Any] = {
    "leads": {"type": ["integer", "null"], "minimum": 0, "description": "Of a status and in total only."},
    "open": COUNT,
    **{name: {**COUNT, "description": NOW_WORDS[name]} for name in NOW},
}
AGE = {"type": ["number", "null"], "description": "Seconds in this status; of one status only."}
FLOW: dict[str, Any] = {
    "arrived": {**COUNT, "description": "Leads that arrived in this status in the time: on, here, aside and back."},
    "left": {**COUNT, "description": "Leads that left it in the time."},
    "on": {**COUNT, "description": "Of those that arrived: went further along the path since."},
    "here": {**COUNT, "description": "Of those that arrived: are still there."},
    "aside": {**COUNT, "description": "Of those that arrived: put aside, or not to be contacted."},
    "back": {**COUNT, "description": "Of those that arrived: went back."},
    "share": {"type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "on / arrived"},
}


KEY = {"type": ["string", "integer", "null"], "description": "A status, an id or a lead source; null: nobody."}
ANSWER = shape(
    {
        "by": {"type": "string", "enum": list(DIMENSIONS)},
        "since": {"type": "string", "format": "date-time"},
        "before": {"type": "string", "format": "date-time"},
        "review": {"type": ["integer", "null"], "description": "The held review since whose end it is."},
        "zone": {"type": "string", "description": "Whose days these are."},
        "total": shape(STANDING),
        "results": {
            "type": "array",
            "items": shape(
                {
                    "key": KEY,
                    "label": {"type": "string"},
                    **STANDING,
                    "median_seconds": AGE,
                    "p90_seconds": AGE,
                    "flow": {"oneOf": [shape(FLOW), {"type": "null"}], "description": "Of a status only."},
                }
            ),
        },
    }
)


class LeadReview(FiguresView):
    """Figures of leads by status."""

    resource = "lead-review"
    scopes: ClassVar[dict[str, str]] = {"review": SCOPE}
    action_of_method: ClassVar[dict[str, str]] = {"GET": "review"}

    @extend_schema(
        responses={200: ANSWER},
        operation_id="lead_review",
        parameters=[
            parameter(BY, "What there is a line for each of; status unless said.", enum=list(DIMENSIONS)),
            parameter("owner", f"Only leads of this user; “{NOBODY}” for nobody's."),
            parameter("team", f"Only leads of this team or in its queue; “{NOBODY}” for no team's."),
            parameter("source", f"Only leads of this lead source; “{NOBODY}” for those without one."),
            parameter(
                "since",
                "The first day of arrivals and departures, in the company's zone. Without days they are since the last "
                "held review, or of the last seven days.",
                OpenApiTypes.DATE,
            ),
            parameter("until", "The last day, which is counted too; today unless said.", OpenApiTypes.DATE),
            parameter("review", "Since this held review.", OpenApiTypes.INT),
        ],
    )
    def get(self, request: Request) -> Response:
        """How leads stand now, and, by status, how they went through it in the time."""
        if not may(self.actor, "view", Lead):
            raise Problem(403, "forbidden", "You may not see leads.")
        params = self.params(request, BY, *PARAMETERS)
        by = choice(params, BY, DIMENSIONS, "status")
        with reading():
            asked = read_asked(params, at=self.at)
        found = standing(asked, at=self.at)
        if by == "status":
            found.flow = flow(asked, at=self.at)
        return Response(
            {
                "by": by,
                "since": asked.since,
                "before": asked.before,
                "review": asked.review or None,
                "zone": str(handbook.current().zone),
                "total": told(found.total),
                "results": [
                    {
                        "key": key,
                        "label": label,
                        **told(one),
                        "median_seconds": one.median,
                        "p90_seconds": one.ninetieth,
                        "flow": told_flow(found.flow[key], key) if by == "status" else None,
                    }
                    for key, label, one in ordered(found, by)
                ],
            }
        )


def told(one: Standing) -> dict[str, Any]:
    """Figures by their names in the API."""
    return {"leads": one.count, "open": one.open, **{name: getattr(one, name) for name in NOW}}


def told_flow(one: Flow, status: str) -> dict[str, Any]:
    """The flow through a status by its names in the API; nobody goes further from the end of the path."""
    names = ("arrived", "left", "on", "here", "aside", "back")
    return {name: getattr(one, name) for name in names} | {"share": one.share if is_of_path(status) else None}
