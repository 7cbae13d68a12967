"""Exporting many to a file: the columns as pages call them, one part of the file for each slice.

Each part is stored whole by its slice, so a file of a million rows never lies in memory, and a worker that is killed
leaves no half of one. The job is the record of it: who exported what, how many, by which filter (L16).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from django import forms
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models

from crm.bulk.operations import FormRequest, Kind, Operation, Task, done, judged, serve
from crm.core.errors import Refused
from crm.core.labels import page_label
from crm.core.permissions import may
from crm.jobs.cells import line
from crm.jobs.files import KEPT_DAYS, part_name
from crm.jobs.kinds import Row
from crm.people.models import User

log = structlog.get_logger(__name__)
# What nobody reads: matching keys, and what an import keeps for itself.
SKIPPED = (models.JSONField, models.GeneratedField)


class Export(Operation):
    """Write every row that may be seen into a CSV file."""

    name = "export"
    label = "Export…"
    button = "Export"
    hint = f"A CSV file with every field, kept for {KEPT_DAYS} days. Who exported what stays on record."
    size = 2000
    undo = False

    def bar(self, user: User, kind: Kind, facts: Mapping[str, Any], count: int, at: datetime) -> Refused | None:
        if may(user, "export", kind):
            return None
        return Refused("forbidden", f"Exporting {kind._meta.verbose_name_plural} takes a manager.")

    def form(self, request: FormRequest) -> forms.Form:
        return forms.Form(request.data)

    def judge(self, task: Task) -> list[Row]:
        return judged(task, lambda record: _why_not(task.actor, record))

    def run(self, task: Task) -> list[Row]:
        columns = columns_of(task.kind)
        related = [field.name for _, field in columns if isinstance(field, models.ForeignKey)]
        rows = task.kind._base_manager.filter(pk__in=task.ids).select_related(*related).order_by("pk")
        found = {row.pk: row for row in rows}
        text = io.StringIO()
        writer = csv.writer(text)
        results = judged(task, lambda record: _why_not(task.actor, record), found)
        for row in results:
            if row["outcome"] == "allowed":
                record = found[row["id"]]
                writer.writerow(line(value_of(record, field) for _, field in columns))
                row.update(done(record, "exported"))
        name = part_name(task.job, task.part)
        # A worker that was killed after storing the part and before noting it left one behind.
        default_storage.delete(name)
        task.part.input["file"] = default_storage.save(name, ContentFile(text.getvalue().encode()))
        task.job.input["header"] = header = [label for label, _ in columns]
        if task.part.number == 1:
            type(task.job).objects.filter(pk=task.job.pk).update(input={**task.job.input, "header": header})
            log.info("exported", job=task.job.pk, by=task.actor.pk, object=task.kind._meta.label, rows=task.job.total)
        return results


def _why_not(actor: User, record: Any) -> Refused | None:
    return None if may(actor, "view", record) else Refused("forbidden", "You may not see this record.")


def columns_of(kind: Kind) -> list[tuple[str, Any]]:
    """The label and the field of each column, the id first."""
    met: set[str] = set()
    fields: list[Any] = [f for f in kind._meta.concrete_fields if not isinstance(f, SKIPPED)]
    return [
        ("ID" if field.primary_key else page_label(str(field.verbose_name), met), field)
        for field in fields
        if not field.name.endswith("_key")
    ]


def value_of(record: Any, field: Any) -> Any:
    """A value as a spreadsheet takes it: names for links, labels for choices, ISO for dates."""
    if isinstance(field, models.ForeignKey):
        other = getattr(record, field.name)
        return "" if other is None else str(other)
    value = getattr(record, field.attname)
    if value is None:
        return ""
    if field.choices:
        return dict(field.flatchoices).get(value, value)
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return value.isoformat() if hasattr(value, "isoformat") else value


EXPORT = serve(Export())
