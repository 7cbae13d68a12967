"""Figures as a file: the tables of a page, written by a job of one slice, on record as every export is (L16)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models

from crm.jobs.cells import line
from crm.jobs.files import HEADER, part_name
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import Job, JobSlice
from crm.jobs.services import start_job
from crm.jobs.work import work_here
from crm.people.models import User

Asked = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FiguresFile:
    """Figures that are taken away as one file of comma-separated values.

    `lines` gives the headings first, then the rows, of what was asked for at a moment. `refuse` raises `Refused` for
    who may not have them; it is asked again when the file is fetched.
    """

    kind: str
    model: type[models.Model]
    lines: Callable[[Asked, datetime], Iterator[list[Any]]]
    refuse: Callable[[User, Asked], None]

    def __post_init__(self) -> None:
        register(JobKind(self.kind, run=self._run, allow=lambda job: self.refuse(job.by, job.input["asked"])))

    def export(self, asked: Asked, *, title: str, said: str, actor: User, at: datetime, via: str) -> Job:
        """Write what is asked for, as it is at `at`, into a file; the job is the record of it.

        `title` is what the figures are called, `said` what was asked for in words.

        Raises:
            Refused: as `refuse`.
        """
        self.refuse(actor, asked)
        job = start_job(
            self.kind,
            title=f"Export: {title}, {said}" if said else f"Export: {title}",
            by=actor,
            at=at,
            input={
                "model": self.model._meta.label_lower,
                "plural": title,
                "query": said,
                "asked": dict(asked),
                "at": at.isoformat(),
            },
            slices=[{"figures": True}],
            woken=False,
        )
        return work_here(job, via=via)

    def _run(self, job: Job, part: JobSlice, at: datetime) -> list[Row]:
        """Write the file, as of the moment at which it was asked for."""
        header, *rows = self.lines(job.input["asked"], datetime.fromisoformat(job.input["at"]))
        text = io.StringIO()
        csv.writer(text).writerows(line(row) for row in rows)
        name = part_name(job, part)
        default_storage.delete(name)
        part.input["file"] = default_storage.save(name, ContentFile(text.getvalue().encode()))
        job.input[HEADER] = header
        Job.objects.filter(pk=job.pk).update(input=job.input, total=len(rows))
        return [{"id": None, "label": "Rows", "outcome": "exported", "code": "", "message": "", "count": len(rows)}]
