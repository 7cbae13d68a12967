"""Rituals as a file: how each stands, and what became of each time within a year; on record as every export."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from crm import handbook
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs.cells import line
from crm.jobs.files import HEADER, part_name
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import Job, JobSlice
from crm.jobs.services import start_job
from crm.jobs.work import work_here
from crm.people.models import User
from crm.reviews.models import Occasion
from crm.reviews.rituals.telling import all_told

KIND = "rituals.export"
NOW = ["Ritual", "How often", "Whose it is", "Now", "Due since", "Next due", "Periods in a row", "Missed"]
TIME = ["From", "To", "Time", "Due", "Held", "By", "At", "What came of it"]
COLUMNS = [*NOW, *TIME]


def export_rituals(*, actor: User, at: datetime, via: str) -> Job:
    """Write how rituals stand into a file; the job is the record of it (L16).

    Raises:
        Refused: `forbidden`.
    """
    refuse_others(actor)
    job = start_job(
        KIND,
        title="Export: rituals",
        by=actor,
        at=at,
        input={"model": Occasion._meta.label_lower, "plural": "rituals", "query": "", "at": at.isoformat()},
        slices=[{"figures": True}],
        woken=False,
    )
    return work_here(job, via=via)


def refuse_others(user: User) -> None:
    """Everybody human who works here sees rituals.

    Raises:
        Refused: `forbidden`.
    """
    if not may(user, "view", Occasion):
        raise Refused("forbidden", "Rituals are for people who work here.")


def run(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """Write the file, as of the moment at which it was asked for."""
    text = io.StringIO()
    rows = list(lines(datetime.fromisoformat(job.input["at"])))
    csv.writer(text).writerows(line(row) for row in rows)
    name = part_name(job, part)
    default_storage.delete(name)
    part.input["file"] = default_storage.save(name, ContentFile(text.getvalue().encode()))
    job.input[HEADER] = COLUMNS
    Job.objects.filter(pk=job.pk).update(input=job.input, total=len(rows))
    return [{"id": None, "label": "Rows", "outcome": "exported", "code": "", "message": "", "count": len(rows)}]


def lines(at: datetime) -> Iterator[list[Any]]:
    """One line for each ritual as it stands, each followed by one for each time that is decided, the newest first."""
    for one in all_told(handbook.current(), at=at, histories=True)["rituals"]:
        yield [
            one["label"], one["frequency"], ", ".join(one["dri"]), one["state"], ", ".join(one["due"]),
            one["next_due"], one["streak"], len(one["missed"]), *[""] * len(TIME),
        ]  # fmt: skip
        for time in one["history"]:
            yield [
                one["label"], *[""] * (len(NOW) - 1), time["first_day"], time["last_day"], time["number"], time["due"],
                time["state"], time["by"], time["at"], time["came_of"],
            ]  # fmt: skip


register(JobKind(KIND, run=run, allow=lambda job: refuse_others(job.by)))
