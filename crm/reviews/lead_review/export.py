"""The lead pipeline review as a file: every table of the page in one, written by a job as every export is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs.cells import line
from crm.jobs.files import HEADER, part_name
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import Job, JobSlice
from crm.jobs.services import start_job
from crm.jobs.work import work_here
from crm.people.models import User
from crm.reviews.lead_review.asked import NOW, Asked, read_asked
from crm.reviews.lead_review.figures import DIMENSIONS, Flow, Standing, pipeline
from crm.reviews.lead_review.words import TITLES, ordered, since_words
from crm.reviews.models import Meeting
from leads.models import Lead

KIND = "lead_review.export"
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
    refuse_others(actor)
    query = ", ".join([*(f"{name} {value}" for name, value in asked.scope.items()), since_words(asked)])
    job = start_job(
        KIND,
        title=f"Export: lead pipeline review, {query}",
        by=actor,
        at=at,
        input={
            "model": Lead._meta.label_lower,
            "plural": "figures of leads",
            "query": query,
            "asked": asked.parameters,
            "at": at.isoformat(),
        },
        slices=[{"figures": True}],
        woken=False,
    )
    return work_here(job, via=via)


def refuse_others(user: User) -> None:
    """Who follows reviews takes their figures away.

    Raises:
        Refused: `forbidden`.
    """
    if not may(user, "view", Meeting):
        raise Refused("forbidden", "Reviews are for those who have a role here.")


def run(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """Write the file, as of the moment at which it was asked for."""
    moment = datetime.fromisoformat(job.input["at"])
    text = io.StringIO()
    writer = csv.writer(text)
    rows = list(lines(read_asked(job.input["asked"], at=moment), moment))
    writer.writerows(line(row) for row in rows)
    name = part_name(job, part)
    default_storage.delete(name)
    part.input["file"] = default_storage.save(name, ContentFile(text.getvalue().encode()))
    job.input[HEADER] = COLUMNS
    Job.objects.filter(pk=job.pk).update(input=job.input, total=len(rows))
    return [{"id": None, "label": "Rows", "outcome": "exported", "code": "", "message": "", "count": len(rows)}]


def lines(asked: Asked, at: datetime) -> Iterator[list[Any]]:
    """One line for all, then one for each status, owner, team and source."""
    found = pipeline(asked, at=at)
    yield ["All", "", *cells(found.total)]
    for by in DIMENSIONS:
        for key, label, one in ordered(found, by):
            yield [TITLES[by], label, *cells(one, found.flow[key] if by == "status" else None)]


def cells(one: Standing, flow: Flow | None = None) -> list[Any]:
    """The figures of one line; empty where there is none."""
    ages = ["" if value is None else round(value) for value in (one.median, one.ninetieth)]
    went: list[Any] = [""] * 7
    if flow is not None:
        share = "" if flow.share is None else f"{flow.share * 100:.1f}"
        went = [flow.arrived, flow.left, flow.on, flow.here, flow.aside, flow.back, share]
    return ["" if one.count is None else one.count, one.open, *(getattr(one, name) for name in NOW), *ages, *went]


register(JobKind(KIND, run=run, allow=lambda job: refuse_others(job.by)))
