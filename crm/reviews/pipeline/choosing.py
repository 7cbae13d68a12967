"""What the pages of the pipeline can be narrowed to: choices, and usual spans of closing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from crm import handbook
from crm.enquiries.attainment_asked import NOBODY
from crm.people.choosing import owner_options, team_options
from crm.reviews import periods
from crm.reviews.pipeline.asked import Asked
from crm.reviews.pipeline.words import account_name


@dataclass(frozen=True, slots=True)
class Choice:
    """One field of the form: its parameter, what is chosen, and what there is."""

    name: str
    label: str
    chosen: str
    options: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Span:
    """A usual span of closing, with its address."""

    label: str
    address: str
    current: bool


def choices(asked: Asked) -> dict[str, Any]:
    """The form's fields, for the template."""
    chosen = asked.parameters
    types = handbook.current().choices("opportunity.types")
    return {
        "selects": [
            Choice("owner", "Owner", chosen.get("owner", ""), [(NOBODY, "Nobody"), *owner_options(asked.owner)]),
            Choice("team", "Team", chosen.get("team", ""), [(NOBODY, "No team"), *team_options()]),
            Choice("type", "Type", chosen.get("type", ""), [*types, (NOBODY, "No type")]),
        ],
        "account": account_name(asked.account) if asked.account else "",
        "since": asked.close_since,
        "until": asked.close_until,
    }


def spans(asked: Asked, at: datetime, before: dict[str, str]) -> list[Span]:
    """Usual spans of closing; `before` is what else stands in the address."""
    book = handbook.current()
    today, start = book.today(at), book.company.fiscal_year_start
    this = periods.quarter_of(today, start)
    following = periods.quarter_of(this[1] + timedelta(days=1), start)
    usual: list[tuple[str, date | None, date | None]] = [
        ("Any day", None, None),
        ("Past due", None, today - timedelta(days=1)),
        (periods.label(this[0], start), *this),
        (periods.label(following[0], start), *following),
    ]
    found = []
    for label, since, until in usual:
        there = replace(asked, close_since=since, close_until=until)
        found.append(Span(label, "?" + urlencode({**before, **there.parameters}), there == asked))
    return found
