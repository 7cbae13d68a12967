"""The filter of the list of opportunities that a number of the huddle's page opens: the very rows it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import models
from django.http import HttpRequest
from django.urls import reverse

from contracts.models import Opportunity
from contracts.models.choices import FORECASTS
from crm.core.admin_list import OneFilter
from crm.core.asking import moment
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


def read(text: str) -> tuple[dict[str, str], Scope]:
    """What a number's address says, and the scope it is of.

    Raises:
        Refused: `unknown_parameter`; `missing_facts` for a reason, a category or a scope that is none.
    """
    given = dict(parse_qsl(text))
    if unknown := set(given) - {REASON, CATEGORY, OWNER, TEAM, "all"}:
        raise Refused("unknown_parameter", f"There is no {', '.join(sorted(unknown))} in a huddle.")
    for name, known in ((REASON, {**REASONS, **GROUPS}), (CATEGORY, FORECASTS)):
        if name in given and given[name] not in known:
            said = f"A huddle has no {name} “{given[name]}”."
            raise Refused("missing_facts", said, [Missing(f"invalid_{name}", said, name)])
    return given, read_scope(given)


class HuddleFilter(OneFilter):
    """What a number of the huddle's page counts. It is no choice of the list: only such a number sets it."""

    title = "sales huddle"
    parameter_name = PARAMETER

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return []

    def has_output(self) -> bool:
        return bool(self.picked)

    def choices(self, changelist: Any) -> Any:
        """What is in force, and the way to clear it."""
        yield {"selected": False, "query_string": changelist.get_query_string(remove=[PARAMETER]), "display": "All"}
        yield {"selected": True, "query_string": changelist.get_query_string(), "display": self.spoken()}

    def spoken(self) -> str:
        """The number in words: “No next step, Alice”."""
        try:
            given, scope = read(self.picked[0])
        except Refused:
            return "unknown"
        reason = {**REASONS, **GROUPS}.get(given.get(REASON, ""), "")
        parts = [reason, FORECASTS.get(given.get(CATEGORY, ""), ""), scope_words(scope) if scope else ""]
        return ", ".join(part for part in parts if part) or scope_words(scope)

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """The opportunities that it counts, at this moment.

        Raises:
            IncorrectLookupParameters: for what no number says; it must not mean "everything".
        """
        if not self.picked:
            return queryset
        try:
            given, scope = read(self.picked[0])
        except Refused as refused:
            messages.warning(request, f"{refused.message} The list is shown unfiltered.")
            raise IncorrectLookupParameters from refused
        ids = self.__dict__.get("ids")
        if ids is None:
            found = counted(places(scope, at=moment(request)), given)
            ids = self.__dict__["ids"] = [one.row.id for one in found]
        return queryset.filter(pk__in=ids)

    def as_conditions(self) -> list[dict[str, Any]]:
        """A view keeps none of it: it is of one moment."""
        return []


add_filter(Opportunity, HuddleFilter)
