"""The filter of the list of opportunities that a number of the forecast opens: the very rows it counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models

from contracts.models import Opportunity
from crm.core.admin_numbers import NumberFilter
from crm.reviews.forecast.asked import NAMES, read_asked
from crm.reviews.forecast.figures import counted
from crm.reviews.forecast.words import FIGURES, words_of
from crm.workspace.lists_filters import add_filter


class ForecastFiguresFilter(NumberFilter):
    """What a number of the forecast counts."""

    title = "forecast"
    parameter_name = FIGURES
    names = NAMES

    def read(self, given: Mapping[str, str], *, at: datetime) -> Any:
        return read_asked(given, at=at)

    def words(self, asked: Any) -> str:
        return words_of(asked)

    def counted(self, asked: Any, *, at: datetime) -> models.Q:
        return counted(asked, at=at)


add_filter(Opportunity, ForecastFiguresFilter)
