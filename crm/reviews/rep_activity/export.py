"""Rep activity as a file: every line of the page in one, written by a job as every export is, and on record so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from crm import handbook
from crm.activities.models import Activity
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.enquiries.models import Enquiry
from crm.jobs.figures import FiguresFile
from crm.jobs.models import Job
from crm.people.models import User
from crm.reviews.rep_activity.asked import Asked, read_asked
from crm.reviews.rep_activity.figures import DIMENSIONS, Figures, as_lines, kinds_of, rep_activity
from crm.reviews.rep_activity.words import labels_of, words_of

BEFORE = ["By", "Value", "Touches"]
AFTER = [
    "Outreach", "People reached out to", "Outreach for each", "Too often", "Promises kept (%)", "Kept", "Kept late",
    "Rewritten", "Dropped", "Past due", "To be done", "Answered in time (%)", "Converted", "Given back",
]  # fmt: skip


def export_figures(asked: Asked, *, actor: User, at: datetime, via: str) -> Job:
    """Write the figures of a period into a file; the job is the record of it (L16).

    Raises:
        Refused: `forbidden`.
    """
    asking, said = asked.page.parameters, words_of(asked)
    return FILE.export(asking, title="rep activity", said=said, actor=actor, at=at, via=via)


def refuse_others(user: User, asked: Mapping[str, str]) -> None:
    """Figures of colleagues leave Plumb with managers and programs alone, as response times do.

    Raises:
        Refused: `forbidden`.
    """
    if not may(user, "response_times", Enquiry):
        raise Refused("forbidden", "Rep activity is for managers to take away.")


def lines(given: Mapping[str, str], at: datetime) -> Iterator[list[Any]]:
    """The headings; one line for all, then one for each owner and each account."""
    found = rep_activity(read_asked(given, at=at), at=at)
    kinds = kinds_of(found, dict(handbook.current().choices("touch.kinds")))
    yield [*BEFORE, *kinds.values(), *AFTER]
    yield ["All", "", *cells(found.total, list(kinds))]
    for by in DIMENSIONS:
        for _, label, figures in as_lines(found, by, labels_of(by, list(found.by(by)))):
            yield ["Owner" if by == "owner" else "Account", label, *cells(figures, list(kinds))]


def cells(one: Figures, kinds: list[str]) -> list[Any]:
    """The figures of one line; empty where there is none."""
    return [
        one.touches, *(one.kinds.get(kind, 0) for kind in kinds), one.outreach, one.people,
        "" if one.each is None else f"{one.each:.2f}", one.excess, _part(one.keeping), one.kept, one.late,
        one.rewritten, one.dropped, one.past_due, one.open, _part(one.answers.kept if one.answers else None),
        one.converted, one.returned,
    ]  # fmt: skip


def _part(part: float | None) -> str:
    return "" if part is None else f"{part * 100:.1f}"


FILE = FiguresFile("rep_activity.export", Activity, lines, refuse_others)
