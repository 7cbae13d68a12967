"""Response times as a file: every table of the page in one, written by a job as every export is, and on record so."""

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
from crm.enquiries.attainment import DIMENSIONS, Figures, attainment
from crm.enquiries.attainment_asked import Asked, read_asked
from crm.enquiries.attainment_filter import words_of
from crm.enquiries.attainment_words import TITLES, ordered
from crm.enquiries.models import Enquiry
from crm.jobs.cells import line
from crm.jobs.files import HEADER, part_name
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import Job, JobSlice
from crm.jobs.services import start_job
from crm.jobs.work import work_here
from crm.people.models import User

KIND = "response_times.export"
COLUMNS = [
    "By", "Value", "Received", "Met", "Breached", "Open", "Voided", "No promise", "Not to be contacted",
    "Kept (%)", "Median response (business seconds)", "90th percentile (business seconds)",
]  # fmt: skip


def export_figures(asked: Asked, *, actor: User, at: datetime, via: str) -> Job:
    """Write the figures of a period into a file; the job is the record of it (L16).

    Raises:
        Refused: `forbidden`.
    """
    refuse_others(actor)
    job = start_job(
        KIND,
        title=f"Export: response times, {words_of(asked)}",
        by=actor,
        at=at,
        input={
            "model": Enquiry._meta.label_lower,
            "plural": "response times",
            "query": words_of(asked),
            "asked": asked.parameters,
            "at": at.isoformat(),
        },
        slices=[{"figures": True}],
        woken=False,
    )
    return work_here(job, via=via)


def refuse_others(user: User) -> None:
    """How a team keeps its promises is its managers' to see.

    Raises:
        Refused: `forbidden`.
    """
    if not may(user, "response_times", Enquiry):
        raise Refused("forbidden", "Response times are for managers.")


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
    """One line for all, then one for each channel, owner, team and week."""
    found = attainment(asked, at=at)
    yield ["All", "", *cells(found.total)]
    for by in DIMENSIONS:
        for key, label, figures in ordered(found, by):
            yield [TITLES[by], key.isoformat() if by == "week" else label, *cells(figures)]


def cells(one: Figures) -> list[Any]:
    """The figures of one line; empty where there is none."""
    kept = "" if one.kept is None else f"{one.kept * 100:.1f}"
    times = ["" if value is None else round(value) for value in (one.median, one.ninetieth)]
    return [one.received, one.met, one.breached, one.open, one.voided, one.no_promise, one.barred, kept, *times]


register(JobKind(KIND, run=run, allow=lambda job: refuse_others(job.by)))
