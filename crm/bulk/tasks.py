"""What can be done to many tasks: they are done, or to be done by another day."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.dateparse import parse_date
from unfold.widgets import UnfoldAdminSingleDateWidget

from crm.activities.models import Task as ToDo
from crm.activities.planning import finish_task, put_off_task
from crm.bulk.operations import FormRequest, Operation, Task, done, judged, refused, serve
from crm.core.days import Day, ask_at
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs.kinds import Row
from crm.jobs.models import ALLOWED


class DueForm(forms.Form):
    """By which day; none is a day as well."""

    due_on = Day(
        label="Due",
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        back=1,
        help_text="Empty: they are to be done by no particular day.",
    )


class OfTasks(Operation):
    """Something that a service does to each task that is still to do."""

    said = ""

    def judge(self, task: Task) -> list[Row]:
        return judged(task, lambda record: _why_not(task, record), task.found)

    def service(self, task: Task) -> Callable[[ToDo], Any]:
        """What is done to each."""
        raise NotImplementedError

    def run(self, task: Task) -> list[Row]:
        task.found = task.records(lock=True)
        call, rows = self.service(task), []
        for row in self.judge(task):
            if row["outcome"] == ALLOWED:
                record = task.found[row["id"]]
                try:
                    call(record)
                    row = done(record, self.said)
                except Refused as refusal:
                    row = refused(record, refusal)
            rows.append(row)
        return rows


def _why_not(task: Task, record: ToDo) -> Refused | None:
    if not may(task.actor, "change", record):
        return Refused("forbidden", "A task is changed by whose it is, who made it, or a manager.")
    return Refused("done_already", "It is done already.") if record.done_at is not None else None


class FinishTasks(OfTasks):
    """Say of each that it is done, by who says so."""

    name, label, button, said = "finish", "Mark as done", "Mark as done", "done"

    def service(self, task: Task) -> Callable[[ToDo], Any]:
        return lambda record: finish_task(record, actor=task.actor, at=task.at, via=task.via)


class PutOffTasks(OfTasks):
    """Give each another day."""

    name, label, button, said = "due", "Set due date…", "Set due date", "due date set"

    def form(self, request: FormRequest) -> forms.Form:
        form = DueForm(request.data)
        ask_at(form, request.at)
        return form

    def service(self, task: Task) -> Callable[[ToDo], Any]:
        day = parse_date(str(task.facts.get("due_on", "")))
        return lambda record: put_off_task(record, due_on=day, actor=task.actor, at=task.at, via=task.via)


FINISH, PUT_OFF = serve(FinishTasks()), serve(PutOffTasks())
