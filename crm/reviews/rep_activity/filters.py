"""The filter of the lists that a number of rep activity opens: the very rows it counts."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import models
from django.http import HttpRequest

from contracts.models import Opportunity
from crm.activities.admin import ActivityAdmin
from crm.core.admin_list import OneFilter
from crm.core.asking import moment
from crm.core.errors import Refused
from crm.reviews.rep_activity.asked import NAMES, TOUCHES, Asked, read_asked
from crm.reviews.rep_activity.figures import counted
from crm.reviews.rep_activity.words import PARAMETER, words_of
from crm.workspace.lists_filters import add_filter
from leads.models import Lead


class RepFilter(OneFilter):
    """What a number of the page of rep activity counts. It is no choice of the list: only such a number sets it."""

    title = "rep activity"
    parameter_name = PARAMETER
    whats: tuple[str, ...] = ()

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return []

    def has_output(self) -> bool:
        return bool(self.picked)

    def choices(self, changelist: Any) -> Any:
        """What is in force, and the way to clear it."""
        yield {"selected": False, "query_string": changelist.get_query_string(remove=[PARAMETER]), "display": "All"}
        yield {"selected": True, "query_string": changelist.get_query_string(), "display": self.spoken()}

    def spoken(self) -> str:
        """The figure in words."""
        try:
            return words_of(self.asked(self.request))
        except Refused:
            return "unknown"

    def asked(self, request: HttpRequest) -> Asked:
        """What the address says.

        Raises:
            Refused: for what no number of this list says.
        """
        given = dict(parse_qsl(self.picked[0])) if self.picked else {}
        if unknown := set(given) - set(NAMES):
            raise Refused("unknown_parameter", f"There is no {', '.join(sorted(unknown))} in figures.")
        asked = read_asked(given, at=moment(request))
        if asked.what not in self.whats:
            raise Refused("unknown_figure", "This list has no such figure.")
        return asked

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """The rows that it counts.

        Raises:
            IncorrectLookupParameters: for what no number says; it must not mean "everything".
        """
        if not self.picked:
            return queryset
        try:
            asked = self.asked(request)
        except Refused as refused:
            messages.warning(request, f"{refused.message} The list is shown unfiltered.")
            raise IncorrectLookupParameters from refused
        return queryset.filter(counted(asked, at=moment(request)))

    def as_conditions(self) -> list[dict[str, Any]]:
        """A view keeps no figures: they are of one moment."""
        return []


class TouchFilter(RepFilter):
    """Touches."""

    whats = TOUCHES


class LeadFilter(RepFilter):
    """Leads that were converted."""

    whats = ("converted",)


class OpportunityFilter(RepFilter):
    """Opportunities that were given back."""

    whats = ("returned",)


# The lists are below reviews, and know nothing of them.
add_filter(Lead, LeadFilter)
add_filter(Opportunity, OpportunityFilter)
ActivityAdmin.filters = (*ActivityAdmin.filters, TouchFilter)  # type: ignore[assignment]
