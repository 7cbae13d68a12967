"""Response times as a file: every table of the page in one, written by a job as every export is, and on record so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from crm.core.errors import Refused
from crm.core.permissions import may
from crm.enquiries.attainment import DIMENSIONS, Figures, attainment
from crm.enquiries.attainment_asked import Asked, read_asked
from crm.enquiries.attainment_filter import words_of
from crm.enquiries.attainment_words import TITLES, ordered
from crm.enquiries.models import Enquiry
from crm.jobs.figures import FiguresFile
from crm.jobs.models import Job
from crm.people.models import User

COLUMNS = [
    "By", "Value", "Received", "Met", "Breached", "Open", "Voided", "No promise", "Not to be contacted",
    "Kept (%)", "Median response (business seconds)", "90th percentile (business seconds)",
]  # fmt: skip


def export_figures(asked: Asked, *, actor: User, at: datetime, via: str) -> Job:
    """Write the figures of a period into a file; the job is the record of it (L16).

    Raises:
        Refused: `forbidden`.
    """
    said = words_of(asked)
    return FILE.export(asked.parameters, title="response times", said=said, actor=actor, at=at, via=via)


def refuse_others(user: User, asked: Mapping[str, str]) -> None:
    """How a team keeps its promises is its managers' to see.

    Raises:
        Refused: `forbidden`.
    """
    if not may(user, "response_times", Enquiry):
        raise Refused("forbidden", "Response times are for managers.")


def lines(given: Mapping[str, str], at: datetime) -> Iterator[list[Any]]:
    """The headings; one line for all, then one for each channel, owner, team and week."""
    found = attainment(read_asked(given, at=at), at=at)
    yield COLUMNS
    yield ["All", "", *cells(found.total)]
    for by in DIMENSIONS:
        for key, label, figures in ordered(found, by):
            yield [TITLES[by], key.isoformat() if by == "week" else label, *cells(figures)]


def cells(one: Figures) -> list[Any]:
    """The figures of one line; empty where there is none."""
    kept = "" if one.kept is None else f"{one.kept * 100:.1f}"
    times = ["" if value is None else round(value) for value in (one.median, one.ninetieth)]
    return [one.received, one.met, one.breached, one.open, one.voided, one.no_promise, one.barred, kept, *times]


FILE = FiguresFile("response_times.export", Enquiry, lines, refuse_others)
