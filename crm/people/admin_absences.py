"""Days away in the admin: who is away now and next above the list, one's own to enter, managers' everybody's."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.formats import date_format
from unfold.decorators import display

from crm import handbook
from crm.core.admin import RecordAdmin, moment, user_of
from crm.core.admin_list import OneFilter
from crm.people.absences import enter_absence, who_is_away
from crm.people.models import Absence
from crm.site import site


class WhenFilter(OneFilter):
    """Absences of today, to come, or over."""

    title = "when"
    parameter_name = "when"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [("now", "Away now"), ("next", "To come"), ("over", "Over")]

    def condition(self, request: HttpRequest, picked: list[str]) -> models.Q:
        today = handbook.current().today(moment(request))
        if "now" in picked:
            return models.Q(first_day__lte=today, last_day__gte=today)
        return models.Q(first_day__gt=today) if "next" in picked else models.Q(last_day__lt=today)


@admin.register(Absence, site=site)
class AbsenceAdmin(RecordAdmin):
    """Days away. Who is away gets no new leads, and somebody else is told instead."""

    change_list_template = "admin/people/absence/change_list.html"
    list_display = ("shown_person", "shown_days", "shown_state", "stand_in", "note")
    list_display_links = ("shown_person",)
    list_select_related = ("user", "stand_in")
    ordering = ("-first_day", "-id")
    sortable = {}
    filters = (WhenFilter,)
    fieldsets = ((None, {"fields": ("user", ("first_day", "last_day"), "stand_in", "note")}),)
    empty_title = "Nobody's days away are known"
    empty_hint = "Enter them before they begin: new leads then go to who is here, and somebody else is told."

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Whose days they are does not change."""
        return ("user",) if obj is not None else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """One's own days, as a rule."""
        return {"user": str(user_of(request).pk)} | super().get_changeform_initial_data(request)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and db_field.name == "user" and not user_of(request).is_manager:
            field.queryset = field.queryset.filter(pk=user_of(request).pk)
        return field

    def create_record(self, request: HttpRequest, obj: Any) -> None:
        """Store new days away."""
        enter_absence(obj, actor=user_of(request), at=moment(request), via="admin")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, under who is away now and next."""
        today = handbook.current().today(moment(request))
        return super().changelist_view(request, {**(extra_context or {}), "away": who_is_away(today), "today": today})

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        today = handbook.current().today(moment(request))
        for row in rows:
            row.today = today

    @admin.display(description="who")
    def shown_person(self, absence: Any) -> str:
        """Whose days they are."""
        return str(absence.user)

    @admin.display(description="days away")
    def shown_days(self, absence: Any) -> str:
        """From the first to the last."""
        return span(absence.first_day, absence.last_day)

    @display(description="state", label={"now": "warning", "next": "info", "over": "none"})  # type: ignore[untyped-decorator]
    def shown_state(self, absence: Any) -> tuple[str, str]:
        """Whether it is now, to come, or over."""
        if absence.last_day < absence.today:
            return "over", "Over"
        return ("next", "To come") if absence.first_day > absence.today else ("now", "Away now")


def span(first: date, last: date) -> str:
    """Days as people write them: 2 March 2026, or from one day to another."""
    if first == last:
        return date_format(first, "DATE_FORMAT")
    return f"{date_format(first, 'DATE_FORMAT')} to {date_format(last, 'DATE_FORMAT')}"
