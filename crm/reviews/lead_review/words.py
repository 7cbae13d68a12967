"""Figures of the lead pipeline as people read them: names, ages, parts, and the lists that numbers open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime

from accounts.models import source_choices
from crm import handbook
from crm.enquiries.attainment_asked import NOBODY
from crm.enquiries.attainment_words import period_words
from crm.people.choosing import people, teams
from crm.reviews.lead_review.asked import NOW, OPEN, WHAT, Asked
from crm.reviews.lead_review.figures import By, Pipeline, Standing
from crm.workspace.board import BOARD, DISPLAY
from leads.statuses import Status

FIGURES = "review"
TITLES: dict[By, str] = {"status": "Status", "owner": "Owner", "team": "Team", "source": "Lead source"}
NONE: dict[By, str] = {"owner": "Nobody", "team": "No team", "source": "No lead source", "status": ""}
DAY, HOUR = 86_400, 3_600


def age(seconds: float | None) -> str:
    """A length of time in days, in hours below two days; a dash where there is none."""
    if seconds is None:
        return "–"
    if seconds < 2 * DAY:
        return f"{max(0, int(seconds // HOUR))} h"
    return f"{int(seconds // DAY):,} d"


def list_address(asked: Asked, *, board: bool = False) -> str:
    """Where the leads that a number counts are listed, or shown as a board."""
    display = {DISPLAY: BOARD} if board else {}
    return f"{reverse('admin:leads_lead_changelist')}?{urlencode({FIGURES: urlencode(asked.parameters), **display})}"


def since_words(asked: Asked) -> str:
    """The time that arrivals and departures are of."""
    if asked.days:
        return f"from {period_words(*asked.days)}"
    when = localtime(asked.since, handbook.current().zone)
    return f"since the review of {date_format(when, 'j M Y')}"


def words_of(asked: Asked) -> str:
    """Which leads are meant, in words: “Over their status’s limit, New, Alice, North”."""
    parts = [WHAT[asked.what]] if asked.what else []
    if asked.status:
        parts.append("open" if asked.status == OPEN else Status(asked.status).label)
    if asked.owner is not None:
        parts.append(people([asked.owner]).get(asked.owner, "nobody’s"))
    if asked.team is not None:
        parts.append(teams([asked.team]).get(asked.team, "no team"))
    if asked.source:
        parts.append("no lead source" if asked.source == NOBODY else source_words(asked.source))
    if asked.what and asked.what not in NOW:
        parts.append(since_words(asked))
    return ", ".join(parts) or "All leads"


def source_words(key: str) -> str:
    """The handbook's word for where leads come from; one that left the file stands as it is."""
    return dict(source_choices()).get(key, key)


def ordered(found: Pipeline, by: By) -> Sequence[tuple[Any, str, Standing]]:
    """The values of a dimension with labels and figures: statuses in the flow's order, others by how many are open,
    nobody last."""
    rows = found.by(by)
    if by == "status":
        return [(key, str(Status(key).label), rows[key]) for key in Status.values if key in rows]
    if by == "source":
        labels = {key: source_words(key) if key else NONE[by] for key in rows}
    else:
        known = people(list(rows)) if by == "owner" else teams(list(rows))
        labels = {key: known.get(key, NONE[by]) for key in rows}
    keys = sorted(rows, key=lambda key: (not key, -rows[key].open, labels[key].casefold(), str(key)))
    return [(key, labels[key], rows[key]) for key in keys]
