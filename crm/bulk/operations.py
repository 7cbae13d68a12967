"""What can be done to a selection: an operation asks its facts, judges rows without writing, and does them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.db import models
from django.utils.formats import date_format
from django.utils.timezone import localtime

from crm.core import acting
from crm.core.asking import refusal_words
from crm.core.errors import Refused
from crm.core.flow import Stateful
from crm.core.permissions import may
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import ALLOWED, Job, JobSlice

if TYPE_CHECKING:
    from crm.people.models import User

Kind = type[models.Model]
REFUSED = "refused"


@dataclass(slots=True)
class Task:
    """One slice of a selection, and what is to be done to it: by whom, when, by which door, with which facts."""

    kind: Kind
    ids: Sequence[int]
    facts: Mapping[str, Any]
    actor: User
    at: datetime
    via: str
    job: Job
    part: JobSlice
    found: dict[int, Any] | None = None

    @property
    def reason(self) -> str:
        """The note that was given."""
        return str(self.facts.get("reason", ""))

    def records(self, *, lock: bool = False) -> dict[int, Any]:
        """The records that are still there, by id; locked in the order of ids."""
        rows = self.kind._base_manager.filter(pk__in=self.ids).order_by("pk")
        if lock:
            rows = rows.select_for_update(of=("self",))
        found = {row.pk: row for row in rows}
        # After the lock and without a join: the owner is that of the locked row.
        read_owners(self.kind, list(found.values()))
        return found


class Operation:
    """What is done to each of a selection. A subclass is registered once with `serve` and offered by admins."""

    name: ClassVar[str]
    label: ClassVar[str]
    button: ClassVar[str]
    hint: ClassVar[str] = ""
    size: ClassVar[int] = 500
    undo: ClassVar[bool] = True
    typed: ClassVar[bool] = False
    # Whether a wrong fact stops at the form. A move's are judged row by row: what it asks depends on the status.
    strict: ClassVar[bool] = True
    # Whether rows are taken in the order in which the list shows them.
    ordered: ClassVar[bool] = False

    def bar(self, user: User, kind: Kind, facts: Mapping[str, Any], count: int, at: datetime) -> Refused | None:
        """Why this person may not ask for this at all; None when rows are judged one by one."""
        return None if may(user, "change", kind) else Refused("forbidden", "You may look at these records only.")

    def form(self, request: FormRequest) -> forms.Form:
        """What it asks for."""
        return forms.Form(request.data)

    def facts(self, form: forms.Form, data: Mapping[str, Any]) -> dict[str, Any]:
        """What was given, as it is stored with the job; `form` is valid."""
        return {name: str(data[name]) for name in form.fields if data.get(name)}

    def title(self, plural: str, count: int, facts: Mapping[str, Any]) -> str:
        """What the job is called."""
        return f"{self.label.rstrip('…')}: {count:,} {plural}"

    def spoken(self, form: forms.Form) -> list[tuple[str, str]]:
        """The facts in words, for the page that asks to confirm."""
        return [
            (str(field.label), spoken_value(field, form.cleaned_data.get(field.name)))
            for field in form
            if form.cleaned_data.get(field.name) not in (None, "")
        ]

    def judge(self, task: Task) -> list[Row]:
        """What would become of each row, without writing."""
        raise NotImplementedError

    def run(self, task: Task) -> list[Row]:
        """Do it to each row; what became of it."""
        raise NotImplementedError


def read_owners(kind: Kind, records: list[Any]) -> None:
    """Fetch at once who owns these records; a contract is owned by who owns its opportunity, or its account."""
    if any(field.name == "owner" for field in kind._meta.concrete_fields):
        models.prefetch_related_objects(records, "owner")
    elif issubclass(kind, Stateful):
        kind.prepare_moves(records)


@dataclass(frozen=True, slots=True)
class FormRequest:
    """Who asks for an operation's form, when, about which rows, and what was typed in already."""

    kind: Kind
    rows: models.QuerySet[Any]
    count: int
    user: User
    at: datetime
    data: Any = None
    variant: str = ""
    # The fields that the list shows, and what its view is called; none where it has no views.
    columns: tuple[str, ...] = ()
    view: str = ""


def spoken_value(field: forms.BoundField, value: Any) -> str:
    """A value of a form in words: of a choice, its label; of several, all of them."""
    if isinstance(value, list):
        return ", ".join(spoken_value(field, one) for one in value)
    choices = getattr(field.field, "choices", None)
    if choices is not None and not isinstance(value, models.Model):
        return str(dict(_flat(choices)).get(value, value))
    if isinstance(value, datetime):
        return date_format(localtime(value), "DATETIME_FORMAT")
    return date_format(value, "DATE_FORMAT") if isinstance(value, date) else str(value)


def _flat(choices: Iterable[Any]) -> Iterable[tuple[Any, Any]]:
    for key, label in choices:
        if isinstance(label, list | tuple):
            yield from label
        else:
            yield key, label


# --- registered operations, and which kinds of records offer them -----------------------------------------------------

_operations: dict[str, Operation] = {}


def serve(operation: Operation) -> Operation:
    """Make an operation known, and its kind of job with it."""
    _operations[operation.name] = operation
    register(
        JobKind(
            f"bulk.{operation.name}",
            run=lambda job, part, at: operation.run(task_of(job, part, at)),
            preview=lambda job, part, at: operation.judge(task_of(job, part, at)),
            allow=lambda job: allow(operation, job),
            undo=operation.undo,
        )
    )
    return operation


def operation_named(name: str) -> Operation | None:
    """The operation of that name."""
    return _operations.get(name)


def task_of(job: Job, part: JobSlice, at: datetime) -> Task:
    """The slice as an operation sees it."""
    frame = acting.current()
    via = frame.via if frame else "task"
    return Task(kind_of_record(job), part.input["ids"], job.input.get("facts", {}), job.by, at, via, job, part)


def kind_of_record(job: Job) -> Kind:
    """The kind of record a job is about."""
    from django.apps import apps

    return apps.get_model(job.input["model"])


def allow(operation: Operation, job: Job) -> None:
    """Before every slice: what was asked of the whole selection still holds."""
    refusal = operation.bar(job.by, kind_of_record(job), job.input.get("facts", {}), job.total, job.asked_at)
    if refusal is not None:
        raise refusal


# --- rows -------------------------------------------------------------------------------------------------------------


def label_of(record: Any) -> str:
    """How a row is called in results."""
    return str(record)[:255]


def done(record: Any, outcome: str, message: str = "") -> Row:
    """A row that it was, or would be, done for."""
    return {"id": record.pk, "label": label_of(record), "outcome": outcome, "code": "", "message": message}


def refused(record: Any, refusal: Refused) -> Row:
    """A row that was left as it is, and why."""
    return {
        "id": record.pk,
        "label": label_of(record),
        "outcome": REFUSED,
        "code": ",".join(refusal.codes),
        "message": refusal_words(refusal),
    }


def gone(kind: Kind, pk: int) -> Row:
    """A row that was deleted since it was selected."""
    label = f"{kind._meta.verbose_name} {pk}".capitalize()
    return {"id": pk, "label": label, "outcome": REFUSED, "code": "not_found", "message": "There is no such record."}


def judged(task: Task, why_not: Any, records: Mapping[int, Any] | None = None) -> list[Row]:
    """Ask `why_not(record)` (a `Refused`, or None) of every row."""
    found = task.records() if records is None else records
    rows = []
    for pk in task.ids:
        record = found.get(pk)
        if record is None:
            rows.append(gone(task.kind, pk))
        elif refusal := why_not(record):
            rows.append(refused(record, refusal))
        else:
            rows.append(done(record, ALLOWED))
    return rows
