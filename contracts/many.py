"""Storing many opportunities or contracts at once: those whose saving asks or holds others are saved one by one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from contracts.terms import completed
from crm.core.api.many import Candidate, Many

DATES = ("end_date", "term_months")


class ManyOpportunities(Many):
    """Opportunities; a next step is planned with people who may be barred, and a renewal holds its contract."""

    def is_alone(self, candidate: Candidate) -> bool:
        """Whether a next step is planned, or a contract renewed."""
        changed = set(candidate.changed)
        if candidate.new:
            return bool(candidate.record.next_step or candidate.record.renews_id)
        return bool({"next_step", "next_step_due", "renews_id"} & changed)


class ManyContracts(Many):
    """Contracts; of end date and term the one that is missing follows from the other (C1)."""

    also = DATES

    def complete(self, record: Any, changed: Collection[str]) -> Collection[str]:
        """The end date or the term, where one is missing."""
        before = (record.end_date, record.term_months)
        # A new one is completed whatever was said of it.
        if record.pk is not None and not {"effective_date", *DATES} & set(changed):
            return ()
        record.end_date, record.term_months = completed(record.effective_date, *before)
        return DATES if (record.end_date, record.term_months) != before else ()
