"""The filter of the list and board of opportunities that a number of the pipeline opens: the very rows it counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models

from contracts.models import Opportunity
from crm.core.admin_numbers import NumberFilter
from crm.reviews.pipeline.asked import NAMES, read_asked
from crm.reviews.pipeline.figures import counted
from crm.reviews.pipeline.words import FIGURES, words_of
from crm.workspace.lists_filters import add_filter


class PipelineFilter(NumberFilter):
    """What a number of the pipeline counts."""

    title = "pipeline"
    parameter_name = FIGURES
    names = NAMES

    def read(self, given: Mapping[str, str], *, at: datetime) -> Any:
        return read_asked(given)

    def words(self, asked: Any) -> str:
        return words_of(asked)

    def counted(self, asked: Any, *, at: datetime) -> models.Q:
        return counted(asked, at=at)


add_filter(Opportunity, PipelineFilter)
