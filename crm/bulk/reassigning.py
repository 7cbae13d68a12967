"""Giving many records to somebody, with a note that stands in each one's history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.urls import reverse

from crm.bulk.operations import FormRequest, Operation, Task, done, judged, serve
from crm.core.acting import because
from crm.core.admin_fields import PersonChoice
from crm.core.errors import Missing, Refused
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.jobs.kinds import Row
from crm.jobs.models import ALLOWED
from crm.notifications.services import Notice, notify
from crm.people.models import User
from crm.people.owners import refuse_owner


class OwnerForm(forms.Form):
    """Who gets them, and why."""

    owner = PersonChoice(User.objects.none(), label="New owner", empty_label="Choose one")
    reason = forms.CharField(
        label="Note",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Stands in the history of each.",
    )

    def __init__(self, *args: Any, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].queryset = User.objects.to_choose(at=at)  # type: ignore[attr-defined]


class Reassign(Operation):
    """Set the owner of every row that the person may change."""

    name = "reassign"
    label = "Reassign…"
    button = "Reassign"

    def form(self, request: FormRequest) -> forms.Form:
        return OwnerForm(request.data, at=request.at)

    def title(self, plural: str, count: int, facts: Mapping[str, Any]) -> str:
        owner = owner_of(facts)
        return f"Reassign {count:,} {plural} to {owner}" if owner else super().title(plural, count, facts)

    def judge(self, task: Task) -> list[Row]:
        owner = owner_of(task.facts)

        def why_not(record: Any) -> Refused | None:
            if not may(task.actor, "view", record):
                return Refused("forbidden", "You may not see this record.")
            if not may(task.actor, "change", record):
                return Refused("forbidden", "It is given away by its owner, their team or a manager.")
            if owner is None or not owner.is_active or owner.is_service:
                message = "The new owner cannot take records over."
                return Refused("missing_facts", message, [Missing("invalid_owner", message, "owner")])
            if record.owner_id == owner.pk:
                return Refused("already_theirs", f"{owner} owns it already.")
            return None

        return judged(task, why_not, task.found)

    def run(self, task: Task) -> list[Row]:
        task.found = task.records(lock=True)
        rows = self.judge(task)
        owner = owner_of(task.facts)
        given = [row["id"] for row in rows if row["outcome"] == ALLOWED]
        if given and owner is not None:
            refuse_owner(owner)
            with because(task.reason):
                task.kind._base_manager.filter(pk__in=given).update(owner=owner)
            tell_owner(owner, task)
        return [
            done(task.found[row["id"]], "reassigned", f"Now {owner}'s") if row["outcome"] == ALLOWED else row
            for row in rows
        ]


def tell_owner(owner: User, task: Task) -> None:
    """Tell the new owner once for the whole batch, whatever its size; nobody is told what they did themselves."""
    if owner.pk == task.actor.pk:
        return
    meta = task.kind._meta
    notice = Notice(
        to_id=owner.pk,
        kind="reassigned",
        key=f"reassigned:{task.job.pk}",
        title=f"{task.actor} gave you {meta.verbose_name_plural}",
        text=task.reason,
        address=f"{reverse(f'admin:{meta.app_label}_{meta.model_name}_changelist')}?owner=me",
    )
    notify([notice], at=task.at)


def owner_of(facts: Mapping[str, Any]) -> User | None:
    """Who was chosen, if there is such a person."""
    number = whole_number(str(facts.get("owner", "")))
    return User.objects.filter(pk=number).first() if number is not None else None


REASSIGN = serve(Reassign())
