"""The filter of the list and board of opportunities that a number of the pipeline opens: the very rows it counts."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import models
from django.http import HttpRequest

from contracts.models import Opportunity
from crm.core.admin_list import OneFilter
from crm.core.asking import moment
from crm.core.errors import Refused
from crm.reviews.pipeline.asked import NAMES, Asked, read_asked
from crm.reviews.pipeline.figures import counted
from crm.reviews.pipeline.words import FIGURES, words_of
from crm.workspace.lists_filters import add_filter


class PipelineFilter(OneFilter):
    """What a number of the pipeline counts. It is no choice of the list: only such a number sets it."""

    title = "pipeline"
    parameter_name = FIGURES

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return []

    def has_output(self) -> bool:
        return bool(self.picked)

    def choices(self, changelist: Any) -> Any:
        """What is in force, and the way to clear it."""
        yield {"selected": False, "query_string": changelist.get_query_string(remove=[FIGURES]), "display": "All"}
        yield {"selected": True, "query_string": changelist.get_query_string(), "display": self.spoken()}

    def spoken(self) -> str:
        """The figure in words."""
        try:
            return words_of(self.asked())
        except Refused:
            return "unknown"

    def asked(self) -> Asked:
        """What the address says; “all” is the whole pipeline.

        Raises:
            Refused: for what no number says.
        """
        text = self.picked[0] if self.picked else ""
        given = dict(parse_qsl(text))
        if text != "all" and not given:
            raise Refused("unknown_parameter", "That is no figure of the pipeline.")
        if unknown := set(given) - set(NAMES):
            raise Refused("unknown_parameter", f"There is no {', '.join(sorted(unknown))} in the pipeline.")
        return read_asked(given)

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """The opportunities that it counts.

        Raises:
            IncorrectLookupParameters: for what no number says; it must not mean "everything".
        """
        if not self.picked:
            return queryset
        try:
            asked = self.asked()
        except Refused as refused:
            messages.warning(request, f"{refused.message} The list is shown unfiltered.")
            raise IncorrectLookupParameters from refused
        return queryset.filter(counted(asked, at=moment(request)))

    def as_conditions(self) -> list[dict[str, Any]]:
        """A view keeps no figures: they are of one moment."""
        return []


add_filter(Opportunity, PipelineFilter)
