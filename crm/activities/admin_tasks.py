"""Tasks in the admin: what is to do, the first due first; done and taken up again with one button."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.urls import URLPattern, path

from crm import handbook
from crm.activities import views
from crm.activities.models import ABOUT, Task
from crm.core.admin import RecordAdmin, moment, user_of
from crm.core.admin_edit import RecordForm
from crm.core.admin_list import OneFilter, OwnerFilter
from crm.core.permissions import may
from crm.people.owners import refuse_owner
from crm.site import site

STATE, DUE = "state", "due"


class StateFilter(OneFilter):
    """Still to do, or done."""

    title = "state"
    parameter_name = STATE

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [("open", "To do"), ("done", "Done")]

    def condition(self, request: HttpRequest, picked: list[str]) -> models.Q:
        return models.Q(done_at__isnull=picked[0] == "open")


class DueFilter(OneFilter):
    """What is to be done by today, in the company's calendar."""

    title = "due"
    parameter_name = DUE

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [("now", "Today or earlier"), ("none", "No day")]

    def condition(self, request: HttpRequest, picked: list[str]) -> models.Q:
        today = handbook.current().today(moment(request))
        day = {"due_on__lte": today} if picked[0] == "now" else {"due_on__isnull": True}
        return models.Q(**day, done_at=None)


class TaskForm(RecordForm):
    """A task is about something, and somebody's who works here."""

    def clean(self) -> Any:
        values = super().clean()
        if not any((values or {}).get(name) for name in ABOUT):
            raise ValidationError("A task belongs to a lead, contact, account, opportunity or contract.")
        return values


@admin.register(Task, site=site)
class TaskAdmin(RecordAdmin):
    """Tasks."""

    form = TaskForm
    change_form_template = "admin/activities/task/change_form.html"
    list_display = ("text", "shown_due", "owner", "shown_about", "shown_kind", "shown_done")
    list_display_links = ("text",)
    list_select_related = ("owner", "done_by", *ABOUT)
    sortable = {}
    page_related = ("owner", "made_by", "done_by", *ABOUT)
    filters = (OwnerFilter, StateFilter, DueFilter)
    autocomplete_fields = ABOUT
    fieldsets = (
        ("Task", {"fields": ("text", ("due_on", "owner"), "kind")}),
        ("About", {"fields": (("lead", "contact"), ("account", "opportunity"), "contract")}),
    )
    empty_title = "No tasks yet"
    empty_hint = "Add one here, or on the page of a lead, contact, account, opportunity or contract."

    def get_urls(self) -> list[URLPattern]:
        """What the buttons beside a timeline do, before the admin's catch-all."""
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/done/", wrap(views.task_done), name="activities_task_done"),
            path("<int:pk>/reopen/", wrap(views.task_open), name="activities_task_reopen"),
        ]
        return own + super().get_urls()

    def get_ordering(self, request: HttpRequest) -> Any:
        """What is to do by its day, which an index orders; everything together, the newest first."""
        to_do = request.GET.get(STATE) == "open" or request.GET.get(DUE) == "now"
        return ("due_on", "id") if to_do else ("-id",)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Mostly somebody's own."""
        return {"owner": str(user_of(request).pk)} | super().get_changeform_initial_data(request)

    def create_record(self, request: HttpRequest, obj: Any) -> None:
        """Whoever adds it made it."""
        obj.made_by = user_of(request)
        refuse_owner(obj.owner)
        obj.save()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Given only to who works here."""
        if change and "owner" in form.changed_data:
            refuse_owner(obj.owner)
        super().save_model(request, obj, form, change)

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Whether it may be done or taken up again."""
        return {"yours_to_do": may(user_of(request), "change", obj)}

    @admin.display(description="due", empty_value="")
    def shown_due(self, task: Any) -> Any:
        """The day of the company's calendar."""
        return task.due_on

    @admin.display(description="about")
    def shown_about(self, task: Any) -> str:
        """The record that it is nearest to."""
        return str(task.about)

    @admin.display(description="reaches out by", empty_value="")
    def shown_kind(self, task: Any) -> str:
        """The kind of touch that it plans."""
        return task.kind_label if task.kind else ""

    @admin.display(description="done by", empty_value="")
    def shown_done(self, task: Any) -> str:
        """Who did it; empty while it is to be done."""
        return str(task.done_by) if task.done_by else ""
