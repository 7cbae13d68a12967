"""Touches in the admin: everybody sees them, one mends one's own."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils import timezone

from crm.activities import admin_suppressions as admin_suppressions
from crm.activities import admin_tasks as admin_tasks
from crm.activities import views
from crm.activities.models import ABOUT, Activity, kind_choices, outcome_choices
from crm.activities.rules import CLOCK_DRIFT
from crm.core.admin import RecordAdmin, moment, user_of
from crm.core.admin_edit import RecordForm
from crm.core.admin_list import OneFilter, OwnerFilter, pick
from crm.core.display import plain_text
from crm.site import site


class ByFilter(OwnerFilter):
    """By who made the touch."""

    title = "by"
    parameter_name = "by"
    column = "by"


class ViolationFilter(OneFilter):
    """Outreach to people who were not to be contacted."""

    title = "in spite of do not contact"
    parameter_name = "violation"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [("yes", "Yes")]

    def condition(self, request: HttpRequest, picked: list[str]) -> models.Q:
        return models.Q(violation_of__isnull=False)


class ActivityForm(RecordForm):
    """A touch has happened; what is to come is the next touch of a lead."""

    def clean_happened_at(self) -> Any:
        value = self.cleaned_data["happened_at"]
        if value and value > timezone.now() + CLOCK_DRIFT:
            raise ValidationError("That has not happened yet: plan it as the next touch.")
        return value


@admin.register(Activity, site=site)
class ActivityAdmin(RecordAdmin):
    """Touches: calls, messages, meetings and notes, with what came of them."""

    form = ActivityForm
    list_display = ("shown_when", "shown_kind", "shown_direction", "shown_outcome", "shown_with", "by", "text_start")
    list_display_links = ("shown_when",)
    list_select_related = ("by", *ABOUT)
    sortable = {}
    page_related = ("by", *ABOUT)
    filters = (
        pick("kind", "kind", kind_choices),
        ByFilter,
        pick("outcome", "outcome", outcome_choices),
        ViolationFilter,
    )
    autocomplete_fields = ABOUT
    fieldsets = (
        ("Touch", {"fields": (("kind", "direction"), ("outcome", "happened_at"), "text")}),
        ("Meeting notes", {"fields": (("title", "notes_url"),)}),
        ("With", {"fields": (("lead", "contact"), ("account", "opportunity"), "contract")}),
    )
    empty_title = "No touches yet"
    empty_hint = "Log calls, messages and meetings on a record's page, or add one here."

    def get_urls(self) -> list[URLPattern]:
        """The timelines of records and the forms beside them, before the admin's catch-all."""
        wrap = self.admin_site.admin_view
        own = [
            path("on/<slug:name>/<int:pk>/", wrap(views.show_timeline), name="activities_timeline"),
            path("on/<slug:name>/<int:pk>/touch/", wrap(views.touch_on), name="activities_touch_on"),
            path("on/<slug:name>/<int:pk>/task/", wrap(views.task_on), name="activities_task_on"),
        ]
        return own + super().get_urls()

    def get_ordering(self, request: HttpRequest) -> Any:
        """The latest first, by when they happened; narrowed down, by when they were entered, as indexes have them."""
        return ("-id",) if set(request.GET) - {PAGE_VAR} else ("-happened_at", "-id")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A touch is mostly logged just after it happened."""
        return {"happened_at": timezone.localtime(moment(request))} | super().get_changeform_initial_data(request)

    def create_record(self, request: HttpRequest, obj: Any) -> None:
        """Whoever logs a touch made it."""
        obj.by = user_of(request)
        obj.by_id = obj.by.pk
        obj.save()
        if obj.violation_of is not None:
            said = f"Logged. They were not to be contacted ({obj.violation_of}): their manager is told."
            messages.warning(request, said)

    @admin.display(description="when")
    def shown_when(self, touch: Any) -> str:
        """When it happened, in the reader's zone."""
        return plain_text(touch.happened_at)

    @admin.display(description="kind")
    def shown_kind(self, touch: Any) -> str:
        """Call, email ..."""
        return str(touch.kind_label)

    @admin.display(description="direction")
    def shown_direction(self, touch: Any) -> str:
        """Who reached out."""
        return str(touch.get_direction_display())

    @admin.display(description="outcome", empty_value="")
    def shown_outcome(self, touch: Any) -> str:
        """What came of it."""
        return str(touch.outcome_label)

    @admin.display(description="with")
    def shown_with(self, touch: Any) -> str:
        """Whom it was with."""
        return str(touch.about)

    @admin.display(description="what was said", empty_value="")
    def text_start(self, touch: Any) -> str:
        """The first words."""
        return touch.text if len(touch.text) <= 80 else f"{touch.text[:79]}…"
