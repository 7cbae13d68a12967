"""Tasks over the API: `/api/v1/tasks/`. `done_at` says when one was done; who did it is whose key said so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import django_filters
from django import forms

from crm.activities.many import ManyTasks
from crm.activities.models import ABOUT, Task, kind_choices
from crm.activities.rules import CLOCK_DRIFT
from crm.core.api.problems import Flaw
from crm.core.api.queries import RecordFilters, RecordId, Words, YesNo
from crm.core.api.scopes import declare_scopes
from crm.core.api.serializers import RecordSerializer
from crm.core.api.views import RecordViewSet

declare_scopes(
    "tasks",
    read="See tasks",
    write="Make tasks, change them and say that they are done; without “read” only id and version come back",
    delete="Delete tasks",
)
SENT = ("text", "kind", "due_on", "owner_id", "done_at", *(f"{name}_id" for name in ABOUT))


class DayFilter(django_filters.DateFilter):
    """A day of the company's calendar, as 2026-03-04."""

    field_class = forms.DateField


class TaskSerializer(RecordSerializer):
    """Something to do with or about records by a day of the company's calendar."""

    model = Task
    names: ClassVar[Mapping[str, str]] = {
        name: name.removesuffix("_id")
        for name in ("id", "version", "created_at", "updated_at", *SENT, "made_by_id", "done_by_id")
    }
    writable = SENT
    needed = ("text",)

    def judge(self, values: dict[str, Any]) -> Iterable[Flaw]:
        """What is done was done by now; it is somebody's who works here."""
        was, view = self.instance, self.context["view"]
        if values.get("done_at") is not None and values["done_at"] > view.at + CLOCK_DRIFT:
            yield Flaw("done_at", "not_yet", "That time has not come yet.")
        if "done_at" in values and (was is None or was.done_at != values["done_at"]):
            values["done_by_id"] = view.actor.pk if values["done_at"] is not None else None
        if was is None and view.actor.is_service and "owner_id" not in values:
            yield Flaw("owner_id", "required", "Say whose it is: a program does no tasks.")
        if was is None and not any(values.get(f"{name}_id") for name in ABOUT):
            said = "A task belongs to a lead, contact, account, opportunity or contract."
            yield Flaw("", "activities_task_is_about_something", said)


class TaskFilters(RecordFilters):
    """What tasks are found by."""

    lead_id = RecordId("lead_id", help_text="About this lead.")
    contact_id = RecordId("contact_id", help_text="About this contact.")
    account_id = RecordId("account_id", help_text="About this account.")
    opportunity_id = RecordId("opportunity_id", help_text="About this opportunity.")
    contract_id = RecordId("contract_id", help_text="About this contract.")
    owner_id = RecordId("owner_id", help_text="To be done by this person.")
    kind = Words("kind", kind_choices, help_text="One or more kinds of touch, between commas.")
    open = YesNo("done_at", lookup_expr="isnull", help_text="true: still to do; false: done.")
    due_by = DayFilter("due_on", lookup_expr="lte", help_text="Due on this day or earlier.")


class TaskViewSet(RecordViewSet):
    """Tasks."""

    resource = "tasks"
    followed = True
    model = Task
    serializer_class = TaskSerializer
    filterset_class = TaskFilters
    many = ManyTasks

    def make(self, values: dict[str, Any]) -> Any:
        """For whoever's key it is, unless somebody else is named; made by them in any case."""
        return Task(**{"owner_id": self.actor.pk, **values}, made_by=self.actor)
