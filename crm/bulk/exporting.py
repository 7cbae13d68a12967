"""Exporting many to a file: the columns of a view or every field, in the list's order, one part for each slice.

Each part is stored whole by its slice, so a file of a million rows never lies in memory, and a worker that is killed
leaves no half of one. The job is the record of it: who exported what, how many, by which filter and with which columns
(L16).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
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
from crm.jobs.files import KEPT_DAYS, PLAIN, part_name
from crm.jobs.kinds import Row
from crm.people.models import User
from crm.workspace.fields import Field, find
from crm.workspace.lists_columns import values_of

log = structlog.get_logger(__name__)
# What nobody reads: matching keys, and what an import keeps for itself.
SKIPPED = (models.JSONField, models.GeneratedField)
VIEW, EVERY = "view", "every"
FOR_SPREADSHEETS, FOR_PROGRAMS = "spreadsheet", "program"


class ExportForm(forms.Form):
    """Which columns, and whether the file begins with the mark by which spreadsheets know UTF-8."""

    columns = forms.ChoiceField(label="Columns", widget=forms.RadioSelect)
    made_for = forms.ChoiceField(
        label="Made for",
        required=False,
        choices=[
            (FOR_SPREADSHEETS, "Spreadsheets: begins with a byte order mark, by which they know the letters"),
            (FOR_PROGRAMS, "Programs: plain UTF-8"),
        ],
        initial=FOR_SPREADSHEETS,
        widget=forms.RadioSelect,
    )

    def __init__(self, data: Any, request: FormRequest) -> None:
        super().__init__(data)
        self.names = request.columns
        choices = [(EVERY, "Every field")]
        if request.columns:
            choices.insert(0, (VIEW, f"Those of the view “{request.view}”, in its order"))
        field: Any = self.fields["columns"]
        field.choices, field.initial = choices, choices[0][0]
        field.required = False

    def clean_columns(self) -> str:
        return str(self.cleaned_data["columns"] or EVERY)


class Export(Operation):
    """Write every row that may be seen into a CSV file."""

    name = "export"
    label = "Export…"
    button = "Export"
    hint = f"A CSV file, kept for {KEPT_DAYS} days. Who exported what stays on record."
    size = 2000
    undo = False
    ordered = True

    def bar(self, user: User, kind: Kind, facts: Mapping[str, Any], count: int, at: datetime) -> Refused | None:
        if may(user, "export", kind):
            return None
        return Refused("forbidden", f"Exporting {kind._meta.verbose_name_plural} takes a manager.")

    def form(self, request: FormRequest) -> forms.Form:
        return ExportForm(request.data, request)

    def facts(self, form: forms.Form, data: Mapping[str, Any]) -> dict[str, Any]:
        """The columns as they are now: what becomes of the view while the job runs changes nothing."""
        given: dict[str, Any] = {}
        if isinstance(form, ExportForm) and form.cleaned_data["columns"] == VIEW:
            given["columns"] = list(form.names)
        if form.cleaned_data.get("made_for") == FOR_PROGRAMS:
            given["made_for"] = FOR_PROGRAMS
        return given

    def judge(self, task: Task) -> list[Row]:
        return judged(task, lambda record: _why_not(task.actor, record))

    def run(self, task: Task) -> list[Row]:
        header, found, cells = _of_view(task) if task.facts.get("columns") else _of_every_field(task)
        text = io.StringIO()
        writer = csv.writer(text)
        results = judged(task, lambda record: _why_not(task.actor, record), found)
        for row in results:
            if row["outcome"] == "allowed":
                record = found[row["id"]]
                writer.writerow(line(cells(record)))
                row.update(done(record, "exported"))
        name = part_name(task.job, task.part)
        # A worker that was killed after storing the part and before noting it left one behind.
        default_storage.delete(name)
        task.part.input["file"] = default_storage.save(name, ContentFile(text.getvalue().encode()))
        task.job.input["header"] = header
        if task.part.number == 1:
            plain = task.facts.get("made_for") == FOR_PROGRAMS
            given = {**task.job.input, "header": header, PLAIN: plain}
            type(task.job).objects.filter(pk=task.job.pk).update(input=given)
            log.info("exported", job=task.job.pk, by=task.actor.pk, object=task.kind._meta.label, rows=task.job.total)
        return results


def _why_not(actor: User, record: Any) -> Refused | None:
    return None if may(actor, "view", record) else Refused("forbidden", "You may not see this record.")


# --- the columns of a view --------------------------------------------------------------------------------------------


def _of_view(task: Task) -> tuple[list[str], dict[int, Any], Any]:
    """The view's columns as labels, the records, and the cells of each; a field that is gone meanwhile is left out."""
    fields = [field for name in task.facts["columns"] if (field := find(task.kind, str(name))) is not None]
    along = [field.column for field in fields if field.kind in ("person", "record") and field.column]
    rows = task.kind._base_manager.filter(pk__in=task.ids).order_by("pk")
    records = list(rows.select_related(*along) if along else rows)
    values = values_of(records, fields, task.at)
    met: set[str] = set()

    def cells(record: Any) -> list[Any]:
        return [cell_of(field, values[field.name].get(record.pk)) for field in fields]

    return [page_label(field.label, met) for field in fields], {record.pk: record for record in records}, cells


def cell_of(field: Field, value: Any) -> Any:
    """A value of a field as a spreadsheet takes it."""
    if value is None or value == "":
        return ""
    if field.choices is not None:
        return dict(field.choices()).get(str(value), value)
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_plain(one)}" for name, one in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "; ".join(str(_plain(one)) for one in value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


# --- every field ------------------------------------------------------------------------------------------------------


def _of_every_field(task: Task) -> tuple[list[str], dict[int, Any], Any]:
    columns = columns_of(task.kind)
    related = [field.name for _, field in columns if isinstance(field, models.ForeignKey)]
    rows = task.kind._base_manager.filter(pk__in=task.ids).select_related(*related).order_by("pk")

    def cells(record: Any) -> list[Any]:
        return [value_of(record, field) for _, field in columns]

    return [label for label, _ in columns], {row.pk: row for row in rows}, cells


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
