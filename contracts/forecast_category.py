"""The forecast category of an opportunity: the stated one while it is open, else that of its stage.

The one definition for pages, lists, filters, exports and the API. Nothing of it is stored: another handbook, or a move,
changes it at once. A stage that left the handbook has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from contracts.flow import stage_keys
from contracts.models.choices import FORECASTS
from crm import handbook

CLOSED = "closed"


def category_choices() -> list[tuple[str, str]]:
    """What an opportunity can be forecast as; closed is what is won."""
    return [*FORECASTS.items(), (CLOSED, "Closed")]


def shown_categories(records: Sequence[Any], at: datetime) -> Mapping[int, str]:
    """The category of each record of a page."""
    return {record.pk: record.forecast for record in records}


def in_category(keys: Sequence[str]) -> Q:
    """Opportunities of one of these categories: what they are shown as, not what was stated."""
    stages = [one.key for one in handbook.current().opportunity.stages if one.forecast in keys]
    opened = stage_keys("open")
    unstated = Q(stage__in=[key for key in stages if key not in opened])
    return unstated | Q(stage__in=opened) & (
        Q(stated_forecast__in=[key for key in keys if key in FORECASTS])
        | Q(stated_forecast="", stage__in=[key for key in stages if key in opened])
    )


def category_condition(operator: str, values: Sequence[str], at: datetime) -> Q:
    """What a filter by forecast category means: `is`, `is_not`, `empty` and `not_empty`."""
    if operator in ("empty", "not_empty"):
        known = in_category([key for key, _ in category_choices()])
        return ~known if operator == "empty" else known
    found = in_category(list(values))
    return ~found if operator == "is_not" else found
