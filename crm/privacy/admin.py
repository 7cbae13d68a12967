"""Who erased whom, and what left in files: two lists that are only read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import URLPattern, path

from crm.core.admin_list import OwnerFilter
from crm.core.admin_read import ReadAdmin
from crm.core.asking import user_of
from crm.core.display import plain_text
from crm.core.permissions import may
from crm.history.words import address_of, kind_of
from crm.privacy import panels  # noqa: F401 - registers the button on leads and contacts
from crm.privacy.exports import columns_of, filter_of, way_of, what_left
from crm.privacy.models import Erasure, Export
from crm.privacy.views import erase
from crm.site import site


class ByFilter(OwnerFilter):
    """By who did it."""

    title = "who"
    parameter_name = "by"
    column = "by"


@admin.register(Erasure, site=site)
class ErasureAdmin(ReadAdmin):
    """Persons erased on request; their pages are gone, this is the record that it was done."""

    list_display = ("shown_when", "by", "reason", "shown_rows", "shown_contact")
    list_display_links = ("shown_when",)
    list_select_related = ("by",)
    list_title = "Erasures"
    sortable = {}
    page_related = ("by",)
    filters = (ByFilter,)
    empty_title = "Nobody was erased yet"
    empty_hint = (
        "An administrator erases a person on the page of their lead or contact, or with the command erase_person."
    )

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """The records that were erased, with their pages while they are there."""
        kinds = {name: kind for name, _ in obj.records if (kind := kind_of(name))}
        here = {
            (name, pk): address_of(kind(pk=pk))
            for name, kind in kinds.items()
            for pk in kind._base_manager.filter(pk__in=[pk for one, pk in obj.records if one == name]).values_list(
                "pk", flat=True
            )
        }
        return {"records": [(name, pk, here.get((name, pk), "")) for name, pk in obj.records]}

    def get_urls(self) -> list[URLPattern]:
        """The page that erases, before the admin's catch-all."""
        own = path("<slug:kind>/<int:pk>/erase/", self.admin_site.admin_view(erase), name="privacy_erasure_erase")
        return [own, *super().get_urls()]

    @admin.display(description="when")
    def shown_when(self, erasure: Any) -> str:
        """When it was done."""
        return plain_text(erasure.at)

    @admin.display(description="rows blanked")
    def shown_rows(self, erasure: Any) -> str:
        """How many rows, in all tables."""
        return f"{erasure.rows:,}"

    @admin.display(description="contact", empty_value="")
    def shown_contact(self, erasure: Any) -> str:
        """Whether they are not to be contacted again."""
        return "Never again" if erasure.suppressed else ""


@admin.register(Export, site=site)
class ExportAdmin(ReadAdmin):
    """Files of details that left, and what programs took: who, what, how many, by which filter, which columns."""

    list_display = ("shown_when", "by", "shown_what", "shown_way", "shown_rows", "shown_columns", "state")
    list_display_links = ("shown_when",)
    list_select_related = ("by",)
    list_title = "Exports"
    sortable = {}
    page_related = ("by",)
    filters = (ByFilter,)
    empty_title = "Nothing was exported yet"
    empty_hint = "Who exports a list into a file, or over the API, is on record here, with the filter and the columns."

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Managers: who exported something sees the job itself."""
        return may(user_of(request), "view", Erasure)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """The jobs that are exports."""
        rows: models.QuerySet[Any] = super().get_queryset(request)
        return rows.filter(kind__endswith="export")

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What, by which filter, which columns."""
        return {"what": what_left(obj), "way": way_of(obj), "columns": columns_of(obj), "filter": filter_of(obj)}

    @admin.display(description="when")
    def shown_when(self, job: Any) -> str:
        """When it was asked for."""
        return plain_text(job.asked_at)

    @admin.display(description="what")
    def shown_what(self, job: Any) -> str:
        """The kind of record."""
        return what_left(job)[:1].upper() + what_left(job)[1:]

    @admin.display(description="way")
    def shown_way(self, job: Any) -> str:
        """In a file, or with which key."""
        return way_of(job)

    @admin.display(description="rows")
    def shown_rows(self, job: Any) -> str:
        """How many were written so far."""
        return f"{job.done:,}"

    @admin.display(description="columns")
    def shown_columns(self, job: Any) -> str:
        """How many columns the file has."""
        return str(len(columns_of(job)) or "")
