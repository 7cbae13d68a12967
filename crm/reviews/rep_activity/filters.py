"""The filter of the lists that a number of rep activity opens: the very rows it counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models

from contracts.models import Opportunity
from crm.activities.admin import ActivityAdmin
from crm.core.admin_numbers import NumberFilter
from crm.core.errors import Refused
from crm.reviews.rep_activity.asked import NAMES, TOUCHES, read_asked
from crm.reviews.rep_activity.figures import counted
from crm.reviews.rep_activity.words import PARAMETER, words_of
from crm.workspace.lists_filters import add_filter
from leads.models import Lead


class RepFilter(NumberFilter):
    """What a number of the page of rep activity counts; `whats` are those of this list."""

    title = "rep activity"
    parameter_name = PARAMETER
    names = NAMES
    whats: tuple[str, ...] = ()

    def read(self, given: Mapping[str, str], *, at: datetime) -> Any:
        asked = read_asked(given, at=at)
        if asked.what not in self.whats:
            raise Refused("unknown_figure", "This list has no such figure.")
        return asked

    def words(self, asked: Any) -> str:
        return words_of(asked)

    def counted(self, asked: Any, *, at: datetime) -> models.Q:
        return counted(asked, at=at)


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
