"""The filter of the list of leads that a number of the lead pipeline review opens: the very rows it counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models

from crm.core.admin_numbers import NumberFilter
from crm.reviews.lead_review.asked import NAMES, read_asked
from crm.reviews.lead_review.figures import counted
from crm.reviews.lead_review.words import FIGURES, words_of
from crm.workspace.lists_filters import add_filter
from leads.models import Lead


class ReviewFilter(NumberFilter):
    """What a number of the review counts."""

    title = "lead pipeline review"
    parameter_name = FIGURES
    names = NAMES

    def read(self, given: Mapping[str, str], *, at: datetime) -> Any:
        return read_asked(given, at=at)

    def words(self, asked: Any) -> str:
        return words_of(asked)

    def counted(self, asked: Any, *, at: datetime) -> models.Q:
        return counted(asked, at=at)


add_filter(Lead, ReviewFilter)
