"""What a list of meetings is asked for: of which kind, how far, and begun on which days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import QuerySet

from crm.core.days import LATEST
from crm.core.errors import Missing, Refused
from crm.enquiries.attainment_asked import midnight, read_day, read_word
from crm.reviews.models import Meeting

PARAMETERS = ("kind", "state", "since", "until")


@dataclass(frozen=True, slots=True)
class Asked:
    """Meetings that began on the days from `since` to `until`, both with, where the company is; empty: all."""

    kind: str = ""
    state: str = ""
    since: date | None = None
    until: date | None = None

    def rows(self) -> QuerySet[Meeting]:
        """These, the newest first."""
        rows = Meeting.objects.order_by("-started_at", "-id")
        if self.kind:
            rows = rows.filter(kind=self.kind)
        if self.state:
            rows = rows.filter(state=self.state)
        if self.since:
            rows = rows.filter(started_at__gte=midnight(self.since))
        if self.until and self.until < LATEST:
            rows = rows.filter(started_at__lt=midnight(self.until + timedelta(days=1)))
        return rows


def read_asked(params: Mapping[str, str]) -> Asked:
    """What an address asks for.

    Raises:
        Refused: `missing_facts`, with a `Missing` for each parameter whose value will not do.
    """
    wrong: list[Missing] = []
    asked = Asked(
        kind=read_word(params, "kind", [*Meeting.Kind.values], wrong),
        state=read_word(params, "state", [*Meeting.State.values], wrong),
        since=read_day(params, "since", wrong),
        until=read_day(params, "until", wrong),
    )
    if asked.since and asked.until and asked.since > asked.until:
        wrong.append(Missing("invalid_since", "Since: not after the last day.", "since"))
    if wrong:
        raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)
    return asked
