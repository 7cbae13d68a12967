"""The filter of the list of opportunities that a number of the huddle's page opens: the very rows it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db import models
from django.urls import reverse

from contracts.models import Opportunity
from contracts.models.choices import FORECASTS
from crm.core.admin_numbers import NumberFilter
from crm.core.errors import Missing, Refused
from crm.reviews.huddle.agenda import NOT_KEPT, REASONS, Place, places
from crm.reviews.huddle.scopes import OWNER, TEAM, read_scope, scope_words
from crm.reviews.huddle.totals import category_of
from crm.reviews.meetings.kinds import Scope
from crm.workspace.lists_filters import add_filter

PARAMETER = "huddle"
REASON, CATEGORY = "reason", "category"
# Beside the single reasons: any promise that was not kept, nothing in particular, and what has no amount.
BROKEN, REST, BARE = "promise", "none", "no_amount"
GROUPS: Mapping[str, str] = {
    BROKEN: "The promise was not kept",
    REST: "Nothing in particular",
    BARE: "Without an amount",
}


def list_address(scope: Scope, **which: str) -> str:
    """The list of what a number counts, by `reason` or `category`; without either, everything in scope."""
    wanted = urlencode({**which, **{name: str(value) for name, value in scope.items()}} or {"all": "1"})
    return f"{reverse('admin:contracts_opportunity_changelist')}?{urlencode({PARAMETER: wanted})}"


def counted(found: Sequence[Place], given: Mapping[str, str]) -> list[Place]:
    """Those of an agenda that a number counts."""
    reason, category = given.get(REASON, ""), given.get(CATEGORY, "")
    return [one for one in found if _is_of(one, reason) and (not category or category_of(one.row) == category)]


def _is_of(place: Place, reason: str) -> bool:
    if reason == BROKEN:
        return any(code in NOT_KEPT for code in place.reasons)
    if reason == REST:
        return not place.reasons
    if reason == BARE:
        return place.row.amount is None
    return not reason or reason in place.reasons


class HuddleFilter(NumberFilter):
    """What a number of the huddle's page counts."""

    title = "sales huddle"
    parameter_name = PARAMETER
    names = (REASON, CATEGORY, OWNER, TEAM, "all")

    def read(self, given: Mapping[str, str], *, at: datetime) -> Any:
        """The number's reason and category, and the scope it is of.

        Raises:
            Refused: `missing_facts` for a reason, a category or a scope that is none.
        """
        for name, known in ((REASON, {**REASONS, **GROUPS}), (CATEGORY, FORECASTS)):
            if name in given and given[name] not in known:
                said = f"A huddle has no {name} “{given[name]}”."
                raise Refused("missing_facts", said, [Missing(f"invalid_{name}", said, name)])
        return given, read_scope(given)

    def words(self, asked: Any) -> str:
        """As in: “No next step, Alice”."""
        given, scope = asked
        reason = {**REASONS, **GROUPS}.get(given.get(REASON, ""), "")
        parts = [reason, FORECASTS.get(given.get(CATEGORY, ""), ""), scope_words(scope) if scope else ""]
        return ", ".join(part for part in parts if part) or scope_words(scope)

    def counted(self, asked: Any, *, at: datetime) -> models.Q:
        given, scope = asked
        return models.Q(pk__in=[one.row.id for one in counted(places(scope, at=at), given)])


add_filter(Opportunity, HuddleFilter)
