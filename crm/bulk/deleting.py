"""Deleting many: what something else refers to stays, and is said row by row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.db import IntegrityError, models, transaction
from django.utils.text import get_text_list

from crm.bulk.operations import FormRequest, Kind, Operation, Task, done, judged, refused, serve
from crm.core.acting import because
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs.kinds import Row
from crm.jobs.models import ALLOWED
from crm.people.models import User


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label="Note",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Stands in the change log.",
    )


class Delete(Operation):
    """Delete every row that nothing else would be left without."""

    name = "delete"
    label = "Delete…"
    button = "Delete"
    hint = "What is deleted can be brought back by undoing, until something else takes its place."
    typed = True

    def bar(self, user: User, kind: Kind, facts: Mapping[str, Any], count: int, at: datetime) -> Refused | None:
        if may(user, "delete", kind):
            return None
        return Refused("forbidden", f"Deleting {kind._meta.verbose_name_plural} takes a manager.")

    def form(self, request: FormRequest) -> forms.Form:
        return ReasonForm(request.data)

    def judge(self, task: Task) -> list[Row]:
        held = held_among(task.kind, task.ids)

        def why_not(record: Any) -> Refused | None:
            if not may(task.actor, "delete", record):
                return Refused("forbidden", "Deleting this takes a manager.")
            return Refused("held", held[record.pk]) if record.pk in held else None

        return judged(task, why_not, task.found)

    def run(self, task: Task) -> list[Row]:
        task.found = task.records(lock=True)
        rows = self.judge(task)
        going = [row["id"] for row in rows if row["outcome"] == ALLOWED]
        deleted = {pk: done(task.found[pk], "deleted") for pk in going}
        with because(task.reason):
            try:
                with transaction.atomic():
                    _delete(task.kind, going)
            except (models.ProtectedError, models.RestrictedError, IntegrityError):
                # Something came to refer to one of them just now: each by itself says which.
                for pk in going:
                    try:
                        with transaction.atomic():
                            _delete(task.kind, [pk])
                    except (models.ProtectedError, models.RestrictedError, IntegrityError):
                        held = Refused("held", "Something came to refer to it just now.")
                        deleted[pk] = refused(task.found[pk], held)
        return [deleted.get(row["id"], row) for row in rows]


def _delete(kind: Kind, ids: Iterable[int]) -> None:
    kind._base_manager.filter(pk__in=list(ids)).delete()


def held_among(kind: Kind, ids: Iterable[int]) -> dict[int, str]:
    """Of these records, those that others refer to and would be left without: a sentence each, in one query a kind."""
    found: dict[int, list[str]] = defaultdict(list)
    for relation in kind._meta.related_objects:
        if relation.on_delete not in (models.PROTECT, models.RESTRICT):
            continue
        field, other = relation.field, relation.related_model._meta
        counted = (
            relation.related_model._base_manager.filter(**{f"{field.name}__in": list(ids)})
            .order_by()
            .values_list(field.attname)
            .annotate(count=models.Count("pk"))
        )
        for pk, count in counted:
            noun = other.verbose_name if count == 1 else other.verbose_name_plural
            found[pk].append(f"{count:,} {noun}")
    return {pk: f"Held by {get_text_list(parts, 'and')}." for pk, parts in found.items()}


DELETE = serve(Delete())
