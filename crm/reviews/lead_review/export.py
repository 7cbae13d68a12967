"""The lead pipeline review as a file: every table of the page in one, written by a job as every export is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs.figures import FiguresFile
from crm.jobs.models import Job
from crm.people.models import User
from crm.reviews.lead_review.asked import NOW, Asked, read_asked
from crm.reviews.lead_review.figures import DIMENSIONS, Flow, Standing, is_of_path, pipeline
from crm.reviews.lead_review.words import TITLES, ordered, since_words
from crm.reviews.models import Meeting
from leads.models import Lead

COLUMNS = [
    "By", "Value", "Leads", "Open", "At risk", "Limit passed", "Over limit", "Nobody's", "Without a next touch",
    "Untouched", "Median age (seconds)", "90th percentile of age (seconds)", "Arrived", "Left", "Went further",
    "Still there", "Put aside", "Went back", "Went further (%)",
]  # fmt: skip


def export_figures(asked: Asked, *, actor: User, at: datetime, via: str) -> Job:
    """Write the figures into a file; the job is the record of it (L16).

    Raises:
        Refused: `forbidden`.
    """
    said = ", ".join([*(f"{name} {value}" for name, value in asked.scope.items()), since_words(asked)])
    return FILE.export(asked.parameters, title="lead pipeline review", said=said, actor=actor, at=at, via=via)


def refuse_others(user: User, asked: Mapping[str, str]) -> None:
    """Who follows reviews takes their figures away.

    Raises:
        Refused: `forbidden`.
    """
    if not may(user, "view", Meeting):
        raise Refused("forbidden", "Reviews are for those who have a role here.")


def lines(given: Mapping[str, str], at: datetime) -> Iterator[list[Any]]:
    """The headings; one line for all, then one for each status, owner, team and source."""
    found = pipeline(read_asked(given, at=at), at=at)
    yield COLUMNS
    yield ["All", "", *cells(found.total)]
    for by in DIMENSIONS:
        for key, label, one in ordered(found, by):
            yield [
                TITLES[by],
                label,
                *cells(one, found.flow[key] if by == "status" else None, ends=not is_of_path(key)),
            ]


def cells(one: Standing, flow: Flow | None = None, *, ends: bool = False) -> list[Any]:
    """The figures of one line; empty where there is none, as of who went further from where the path ends."""
    ages = ["" if value is None else round(value) for value in (one.median, one.ninetieth)]
    went: list[Any] = [""] * 7
    if flow is not None:
        share = "" if ends or flow.share is None else f"{flow.share * 100:.1f}"
        went = [flow.arrived, flow.left, flow.on, flow.here, flow.aside, flow.back, share]
    return ["" if one.count is None else one.count, one.open, *(getattr(one, name) for name in NOW), *ages, *went]


FILE = FiguresFile("lead_review.export", Lead, lines, refuse_others)
