"""The pipeline and what changed it over the API (P4), the figures of the pages: `/api/v1/pipeline/` and below it."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from contracts.models import Opportunity
from crm import handbook
from crm.core.api.figures import BY, PAGE, FiguresView, choice, page_of, parameter, reading, shape
from crm.core.api.problems import Problem
from crm.core.api.scopes import declare_right, declare_scopes
from crm.core.permissions import may
from crm.enquiries.attainment_asked import NOBODY
from crm.reviews.pipeline.asked import NARROWING, read_asked, read_between
from crm.reviews.pipeline.export import read_part
from crm.reviews.pipeline.figures import DIMENSIONS, Figures, pipeline
from crm.reviews.pipeline.waterfall import CLOSING, OPENING, Line, Part, Seen, Step, lines, waterfall
from crm.reviews.pipeline.words import ordered

T = TypeVar("T")
PART = "part"
SIZE = 500
SCOPE = "opportunities:pipeline"
declare_scopes("opportunities", pipeline="See what the pipeline is worth, and what changed it")
declare_right(SCOPE, lambda user: may(user, "view", Opportunity))
COUNT = {"type": "integer", "minimum": 0}
MONEY = {"type": "string", "format": "decimal"}
BY_CURRENCY = {"type": "object", "additionalProperties": MONEY, "description": "By currency."}


FIGURES: dict[str, Any] = {
    "count": COUNT,
    "amount": {**MONEY, "description": "In the company's currency, at the rate on each close date."},
    "weighted": {**MONEY, "description": "The same, times the probability of each stage."},
    "without_amount": COUNT,
    "without_rate": {**BY_CURRENCY, "description": "Amounts in currencies without a rate, in neither sum."},
}
KEY = {"type": ["string", "integer", "null"], "description": "A stage, an id, a month's first day; null: none."}
PIPELINE = shape(
    {
        "by": {"type": "string", "enum": list(DIMENSIONS)},
        "currency": {"type": "string"},
        "total": shape(FIGURES),
        "unknown_stage": {**COUNT, "description": "In a stage that the handbook does not have: in no figure."},
        "results": {"type": "array", "items": shape({"key": KEY, "label": {"type": "string"}, **FIGURES})},
    }
)
SIDE = {
    "type": ["object", "null"],
    "description": "Null: it was not there.",
    "properties": {
        "stage": {"type": "string", "description": "Empty where no system knows it."},
        "amount": {"type": ["string", "null"], "format": "decimal"},
        "currency": {"type": "string"},
        "close_on": {"type": ["string", "null"], "format": "date"},
        "owner_id": {"type": ["integer", "null"]},
        "account_id": {"type": "integer"},
    },
}
RECORD = shape(
    {
        "id": {"type": "integer"},
        "name": {"type": "string"},
        "part": {"type": "string"},
        "before": SIDE,
        "after": SIDE,
        "adds": BY_CURRENCY,
    }
)
STEP = shape(
    {
        "part": {"type": "string", "enum": [OPENING, *Part.values, CLOSING]},
        "count": COUNT,
        "without_amount": COUNT,
        "amount": {**MONEY, "description": "What it adds, in the company's currency."},
        "without_rate": BY_CURRENCY,
    }
)
WATERFALL = shape(
    {
        "from": {"type": "string", "format": "date"},
        "to": {"type": "string", "format": "date"},
        "zone": {"type": "string", "description": "Whose days these are; what counts is their end."},
        "currency": {"type": "string"},
        "results": {"type": "array", "items": STEP},
        "opportunities": {"type": "array", "items": RECORD, "description": f"Of the part, {SIZE} a page."},
        "next_page": {"type": ["integer", "null"]},
    }
)
NARROWED = [
    parameter("owner", f"Only those of this user; “{NOBODY}” for nobody's."),
    parameter("team", f"Only those whose owner is in this team now; “{NOBODY}” for no team's."),
    parameter("type", f"Only opportunities of this type; “{NOBODY}” for those without."),
    parameter("account", "Only those of this account: its id, or its whole name."),
    parameter("close_since", "Only those that close on this day or later.", OpenApiTypes.DATE),
    parameter("close_until", "Only those that close on this day or earlier.", OpenApiTypes.DATE),
]


class PipelineView(FiguresView):
    """What is open, and what it is worth."""

    resource = "opportunities"
    scopes: ClassVar[dict[str, str]] = {"pipeline": SCOPE}
    action_of_method: ClassVar[dict[str, str]] = {"GET": "pipeline"}

    @extend_schema(
        responses={200: PIPELINE},
        operation_id="pipeline",
        parameters=[
            parameter(BY, "What there is a line for each of; stage unless said.", enum=[*DIMENSIONS]),
            *NARROWED,
        ],
    )
    def get(self, request: Request) -> Response:
        """In total, and for each value of `by`. Every open opportunity is counted."""
        params = self.params(request, BY, *NARROWING)
        by = choice(params, BY, DIMENSIONS, "stage")
        with reading():
            asked = read_asked(params)
        found = pipeline(asked, at=self.at)
        return Response(
            {
                "by": by,
                "currency": handbook.current().company.currency,
                "total": told(found.total),
                "unknown_stage": found.unknown,
                "results": [{"key": key, "label": label, **told(one)} for key, label, one in ordered(found, by)],
            }
        )

    def params(self, request: Request, *known: str) -> dict[str, str]:
        """The parameters, for who may see opportunities.

        Raises:
            Problem: 403 for who may not.
        """
        if not may(self.actor, "view", Opportunity):
            raise Problem(403, "forbidden", "You may not see opportunities.")
        return super().params(request, *known)


class WaterfallView(PipelineView):
    """What changed the pipeline between the ends of two days."""

    @extend_schema(
        responses={200: WATERFALL},
        operation_id="pipeline_waterfall",
        parameters=[
            parameter("from", "The day at whose end it opens; a week before the last unless said.", OpenApiTypes.DATE),
            parameter("to", "The day at whose end it closes; today unless said.", OpenApiTypes.DATE),
            parameter(
                PART, "Also the opportunities of this part, before and after.", enum=STEP["properties"]["part"]["enum"]
            ),
            parameter(PAGE, "Of these opportunities.", OpenApiTypes.INT),
            *NARROWED,
        ],
    )
    def get(self, request: Request) -> Response:
        """From the opening to the closing, which the parts add up to in each currency; “came…” are in neither."""
        params = self.params(request, "from", "to", PART, PAGE, *NARROWING)
        page = page_of(params)
        with reading(PART):
            part = read_part(params.pop(PART, ""))
            between = read_between(params, at=self.at)
        found = waterfall(between)
        steps = [(OPENING, found.opening), *((p.value, found.parts[p]) for p in Part), (CLOSING, found.closing)]
        rows = lines(between, part, limit=SIZE + 1, offset=(page - 1) * SIZE) if part else []
        return Response(
            {
                "from": between.start,
                "to": between.end,
                "zone": str(handbook.current().zone),
                "currency": found.currency,
                "results": [{"part": key, **step_told(one, found.currency)} for key, one in steps],
                "opportunities": [record_told(one) for one in rows[:SIZE]],
                "next_page": page + 1 if len(rows) > SIZE else None,
            }
        )


def told(one: Figures) -> dict[str, Any]:
    """Figures by their names in the API."""
    return {
        "count": one.count,
        "amount": f"{one.amount:.2f}",
        "weighted": f"{one.weighted:.2f}",
        "without_amount": one.without,
        "without_rate": {name: f"{total:.2f}" for name, (total, _) in sorted(one.apart.items())},
    }


def step_told(one: Step, currency: str) -> dict[str, Any]:
    """A part by its names in the API."""
    return {
        "count": one.count,
        "without_amount": one.without,
        "amount": f"{one.of(currency):.2f}",
        "without_rate": {name: f"{total:.2f}" for name, total in sorted(one.sums.items()) if name != currency},
    }


def record_told(one: Line) -> dict[str, Any]:
    """An opportunity of a part, before and after."""
    adds = {name: f"{total:.2f}" for name, total in sorted(one.adds.items())}
    sides = {"before": side_told(one.before), "after": side_told(one.after)}
    return {"id": one.id, "name": one.name, "part": one.part, **sides, "adds": adds}


def side_told(one: Seen | None) -> dict[str, Any] | None:
    """How it was at one end."""
    if one is None:
        return None
    return {
        "stage": one.stage,
        "amount": None if one.amount is None else f"{one.amount:.2f}",
        "currency": one.currency,
        "close_on": one.close_on,
        "owner_id": one.owner_id,
        "account_id": one.account_id,
    }
