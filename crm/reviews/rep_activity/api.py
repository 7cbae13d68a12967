"""Rep activity over the API: `/api/v1/rep-activity/`, the figures of the page."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from crm import handbook
from crm.core.api.figures import BY, PAGE, FiguresView, choice, page_of, parameter, reading, shape
from crm.core.api.problems import Problem
from crm.core.api.scopes import declare_right, declare_scopes
from crm.core.permissions import may
from crm.enquiries.attainment_asked import NOBODY
from crm.enquiries.models import Enquiry
from crm.reviews.rep_activity.asked import PARAMETERS, read_asked
from crm.reviews.rep_activity.figures import DIMENSIONS, Figures, as_lines, rep_activity
from crm.reviews.rep_activity.people import Touched, people_touched
from crm.reviews.rep_activity.words import labels_of

SIZE = 500
SCOPE = "activities:rep_activity"
declare_scopes("activities", rep_activity="See what each owner did: touches, promises, answers and conversions")
declare_right(SCOPE, lambda user: may(user, "response_times", Enquiry))
COUNT = {"type": "integer", "minimum": 0}
PART = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
COUNTS = (
    "touches", "outreach", "people", "too_often", "promises_kept", "promises_late", "promises_rewritten",
    "promises_dropped", "promises_past_due", "promises_open", "converted", "returned",
)  # fmt: skip
FIGURES: dict[str, Any] = {
    **dict.fromkeys(COUNTS, COUNT),
    "kinds": {"type": "object", "additionalProperties": COUNT, "description": "Touches by the key of their kind."},
    "outreach_per_person": {"type": ["number", "null"], "minimum": 0},
    "promise_keeping": {**PART, "description": "Kept / (kept + late + rewritten + dropped + past due)"},
    "answered_in_time": {**PART, "description": "As response times have it; null by account, which has none."},
}
PERSON = {
    "kind": {"type": "string", "enum": ["contact", "lead"]},
    "id": {"type": "integer"},
    "name": {"type": "string"},
    "outreach": {**COUNT, "description": "In the period, of what is asked for."},
    "most": {**COUNT, "description": "The most outreach, from anybody, in any span of `in_days`."},
}


ANSWER = shape(
    {
        "by": {"type": "string", "enum": list(DIMENSIONS)},
        "since": {"type": "string", "format": "date"},
        "until": {"type": "string", "format": "date"},
        "zone": {"type": "string", "description": "Whose days these are."},
        "most_touches": {**COUNT, "description": "More than so many within `in_days` days are too often."},
        "in_days": COUNT,
        "total": shape(FIGURES),
        "page": COUNT,
        "pages": COUNT,
        "results": {
            "type": "array",
            "items": shape(
                {
                    "key": {"type": ["integer", "null"], "description": "An id; null: nobody, no account."},
                    "label": {"type": "string"},
                    **FIGURES,
                }
            ),
        },
        "touched_too_often": {"type": "array", "items": shape(PERSON), "description": f"At most {SIZE}."},
        "touched_too_often_count": COUNT,
    }
)


class RepActivity(FiguresView):
    """Figures of rep activity; for keys of managers and of programs."""

    resource = "rep-activity"
    scopes: ClassVar[dict[str, str]] = {"rep_activity": SCOPE}
    action_of_method: ClassVar[dict[str, str]] = {"GET": "rep_activity"}

    @extend_schema(
        responses={200: ANSWER},
        operation_id="rep_activity",
        parameters=[
            parameter(BY, "What there is a line for each of; owner unless said.", enum=list(DIMENSIONS)),
            parameter("since", "The first day, in the company's zone; 30 days unless said.", OpenApiTypes.DATE),
            parameter("until", "The last day, which is counted too; today unless said.", OpenApiTypes.DATE),
            parameter("owner", f"Only what is this user's; “{NOBODY}” for nobody's."),
            parameter("team", f"Only what is this team's; “{NOBODY}” for no team's."),
            parameter("account", f"Only what is with this account; “{NOBODY}” for what is with none."),
            parameter(PAGE, f"Which {SIZE} lines, from 1."),
        ],
    )
    def get(self, request: Request) -> Response:
        """In total and for each owner or account, the most touches first; who was touched too often."""
        if not may(self.actor, "response_times", Enquiry):
            raise Problem(403, "forbidden", "Rep activity is for managers to take away.")
        params = self.params(request, BY, PAGE, *PARAMETERS)
        by = choice(params, BY, DIMENSIONS, "owner")
        page = page_of(params)
        with reading():
            asked = read_asked(params, at=self.at)
        found = rep_activity(asked, at=self.at)
        lines = as_lines(found, by, labels_of(by, list(found.by(by))))
        often, count = people_touched(asked, at=self.at, too_often=True, limit=SIZE)
        rules = handbook.current().reviews
        return Response(
            {
                "by": by,
                "since": asked.since,
                "until": asked.until,
                "zone": str(handbook.current().zone),
                "most_touches": rules.most_touches,
                "in_days": rules.in_days,
                "total": told(found.total),
                "page": page,
                "pages": -(-len(lines) // SIZE),
                "results": [
                    {"key": key, "label": label, **told(one)}
                    for key, label, one in lines[(page - 1) * SIZE : page * SIZE]
                ],
                "touched_too_often": [_person(one) for one in often],
                "touched_too_often_count": count,
            }
        )


def told(one: Figures) -> dict[str, Any]:
    """Figures by their names in the API."""
    return {
        "touches": one.touches,
        "outreach": one.outreach,
        "people": one.people,
        "too_often": one.excess,
        **{f"promises_{name}": getattr(one, name) for name in ("kept", "late", "rewritten", "dropped", "past_due")},
        "promises_open": one.open,
        "converted": one.converted,
        "returned": one.returned,
        "kinds": one.kinds,
        "outreach_per_person": one.each,
        "promise_keeping": one.keeping,
        "answered_in_time": one.answers.kept if one.answers else None,
    }


def _person(one: Touched) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "id": one.record.pk,
        "name": str(one.record),
        "outreach": one.outreach,
        "most": one.most,
    }
