"""Voiding many enquiries at once: a wave of spam, one reason for all, confirmed after counting."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms

from crm.bulk.operations import FormRequest, Kind, Operation, Task, done, gone, judged, refused, serve
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.enquiries.locking import USUAL
from crm.enquiries.models import Enquiry, void_choices
from crm.enquiries.voiding import void_enquiry
from crm.jobs.kinds import Row
from crm.people.models import User


class VoidForm(forms.Form):
    """Why none of them is a request."""

    reason_key = forms.ChoiceField(label="Why?")
    reason = forms.CharField(
        label="Note",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Stands on the page of each.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason_key"].choices = [("", "Choose one"), *void_choices()]  # type: ignore[attr-defined]


class VoidEnquiries(Operation):
    """Void every row that the person may void."""

    name = "void_enquiries"
    label = "Void…"
    button = "Void"
    hint = "Their clocks end without a verdict, and they are counted apart. A manager may undo it."
    size = 100
    undo = False

    def bar(self, user: User, kind: Kind, facts: Mapping[str, Any], count: int, at: datetime) -> Refused | None:
        return None if may(user, "void", kind) else Refused("forbidden", USUAL)

    def form(self, request: FormRequest) -> forms.Form:
        return VoidForm(request.data)

    def judge(self, task: Task) -> list[Row]:
        def why_not(record: Enquiry) -> Refused | None:
            if not may(task.actor, "void", record):
                return Refused("forbidden", USUAL)
            return Refused("voided", "It is voided already.") if record.voided_at is not None else None

        return judged(task, why_not, self._records(task))

    def run(self, task: Task) -> list[Row]:
        found = self._records(task)
        rows: list[Row] = []
        for pk in task.ids:
            if pk not in found:
                rows.append(gone(task.kind, pk))
                continue
            try:
                void_enquiry(
                    found[pk],
                    reason=str(task.facts.get("reason_key", "")),
                    note=task.reason,
                    actor=task.actor,
                    at=task.at,
                    via=task.via,
                )
            except Refused as refusal:
                rows.append(refused(found[pk], refusal))
            else:
                rows.append(done(found[pk], "voided"))
        return rows

    def _records(self, task: Task) -> dict[int, Any]:
        return Enquiry.objects.with_people().in_bulk(task.ids)


VOID = serve(VoidEnquiries())
