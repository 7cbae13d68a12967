"""The sales huddle over the API: `/api/v1/huddle/`, the figures and the agenda of the page (P1)."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from contracts.models import Opportunity
from contracts.models.choices import FORECASTS
from contracts.stages import find_stage
from crm.core.api.figures import PAGE, FiguresView, page_of, reading, shape, shapes
from crm.core.api.problems import Problem
from crm.core.api.scopes import declare_right, declare_scopes
from crm.core.permissions import may
from crm.reviews.huddle.agenda import REASONS, Place
from crm.reviews.huddle.scopes import OWNER, TEAM, read_scope, scope_words
from crm.reviews.huddle.today import WORDS, Today, today
from crm.reviews.huddle.totals import category_of

SIZE = 500
SCOPE = "opportunities:huddle"
declare_scopes("opportunities", huddle="See the agenda of the sales huddle and its figures")
declare_right(SCOPE, lambda user: may(user, "view", Opportunity))
TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}
MAYBE_COUNT = {"type": ["integer", "null"], "minimum": 0}
MONEY = {"type": "string", "format": "decimal", "description": "In the company's currency."}
MAYBE_DAY = {"type": ["string", "null"], "format": "date"}
MAYBE_TIME = {"type": ["string", "null"], "format": "date-time"}


CATEGORY: dict[str, Any] = {"type": "string", "enum": [*FORECASTS]}
PLACE: dict[str, Any] = {
    "position": {**COUNT, "description": "From 1, in the order in which they are gone through."},
    "id": COUNT,
    "name": TEXT,
    "owner_id": {"type": ["integer", "null"]},
    "owner_name": {**TEXT, "description": "Empty: nobody's."},
    "account_name": TEXT,
    "stage": TEXT,
    "stage_label": TEXT,
    "amount": {"type": ["string", "null"], "format": "decimal"},
    "currency": TEXT,
    "converted": {**MONEY, "type": ["string", "null"], "description": "In the company's currency; null: no rate."},
    "close_date": MAYBE_DAY,
    "next_step": TEXT,
    "next_step_due_date": MAYBE_DAY,
    "forecast_category": {**TEXT, "description": "The stated one, else its stage's."},
    "confidence": {"type": ["integer", "null"]},
    "last_touch_at": MAYBE_TIME,
    "reasons": {"type": "array", "items": {"type": "string", "enum": [*REASONS]}, "description": "Heaviest first."},
}
LAST = shape(
    {"meeting_id": COUNT, "ended_at": {"type": "string", "format": "date-time"}},
    type=["object", "null"],
    description="The last huddle of this scope that was held; null: none was.",
)
PROMISES = shape(
    {
        "kept": {**MAYBE_COUNT, "description": "Since the last huddle; null where there was none."},
        "late": {**MAYBE_COUNT, "description": "Kept late since the last huddle; null where there was none."},
        "not_kept": {**COUNT, "description": "Opportunities with a promise that was not kept."},
    }
)
ANSWER = shape(
    {
        "scope": {"type": "object", "additionalProperties": {"type": "integer"}, "description": "Nothing: everything."},
        "scope_words": TEXT,
        "last": LAST,
        "currency": TEXT,
        "count": COUNT,
        "amount": MONEY,
        "weighted": {**MONEY, "description": "The same, times the probability of each stage."},
        "without_amount": COUNT,
        "without_rate": {
            "type": "object",
            "additionalProperties": TEXT,
            "description": "Amounts in currencies without a rate, in neither sum.",
        },
        "categories": shapes(
            {"category": CATEGORY, "label": TEXT, "count": COUNT, "amount": MONEY, "weighted": MONEY},
            description="Those that any opportunity is in.",
        ),
        "promises": PROMISES,
        "reasons": shapes(
            {"reason": {"type": "string", "enum": [*WORDS]}, "label": TEXT, "count": COUNT},
            description="The heaviest first; an opportunity may have several, “none” has none.",
        ),
        "agenda": shapes(PLACE, description=f"In the order of the huddle, {SIZE} a page."),
        "next_page": MAYBE_COUNT,
    }
)


class HuddleView(FiguresView):
    """What the next sales huddle goes through."""

    resource = "huddle"
    scopes: ClassVar[dict[str, str]] = {"huddle": SCOPE}
    action_of_method: ClassVar[dict[str, str]] = {"GET": "huddle"}

    @extend_schema(
        responses={200: ANSWER},
        operation_id="huddle",
        parameters=[
            OpenApiParameter(OWNER, OpenApiTypes.INT, OpenApiParameter.QUERY, description="Only what this user owns."),
            OpenApiParameter(
                TEAM,
                OpenApiTypes.INT,
                OpenApiParameter.QUERY,
                description="Only what the people of this team own; an owner or a team, not both.",
            ),
            OpenApiParameter(PAGE, OpenApiTypes.INT, OpenApiParameter.QUERY, description="Of the agenda, from 1."),
        ],
    )
    def get(self, request: Request) -> Response:
        """Every open opportunity in scope as it is now: in figures, by reason, and one after the other."""
        if not may(self.actor, "view", Opportunity):
            raise Problem(403, "forbidden", "You may not see opportunities.")
        params = self.params(request, OWNER, TEAM, PAGE)
        page = page_of(params)
        with reading():
            scope = read_scope(params)
        return Response(told(today(scope, at=self.at), page))


def told(found: Today, page: int) -> dict[str, Any]:
    """The figures by their names in the API, and a page of the agenda."""
    totals = found.totals
    before = (page - 1) * SIZE
    return {
        "scope": dict(found.scope),
        "scope_words": scope_words(found.scope),
        "last": {"meeting_id": found.last.pk, "ended_at": found.last.ended_at} if found.last else None,
        **{name: totals[name] for name in ("currency", "count", "amount", "weighted", "without_amount")},
        "without_rate": totals["apart"],
        "categories": [
            {"category": key, "label": FORECASTS[key], **figures} for key, figures in totals["categories"].items()
        ],
        "promises": {
            "kept": totals["promises"]["kept"] if found.last else None,
            "late": totals["promises"]["late"] if found.last else None,
            "not_kept": totals["promises"]["not_kept"],
        },
        "reasons": [{"reason": code, "label": WORDS[code], "count": count} for code, count in found.reasons.items()],
        "agenda": [
            place_told(place, number) for number, place in enumerate(found.places[before : before + SIZE], before + 1)
        ],
        "next_page": page + 1 if len(found.places) > before + SIZE else None,
    }


def place_told(place: Place, position: int) -> dict[str, Any]:
    """One opportunity of the agenda."""
    row = place.row
    stage = find_stage(row.stage)
    return {
        "position": position,
        "id": row.id,
        "name": row.name,
        "owner_id": row.owner_id,
        "owner_name": row.owner,
        "account_name": row.account,
        "stage": row.stage,
        "stage_label": stage.label if stage else row.stage,
        "amount": None if row.amount is None else f"{row.amount:.2f}",
        "currency": row.currency,
        "converted": None if row.worth is None else f"{row.worth:.2f}",
        "close_date": row.close_on,
        "next_step": row.next_step,
        "next_step_due_date": row.next_step_due,
        "forecast_category": category_of(row),
        "confidence": row.confidence,
        "last_touch_at": row.last_touch,
        "reasons": list(place.reasons),
    }
