"""Imports in the admin: their reports, and the rows that wait for a person to mend them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path

from crm.core.admin import RecordAdmin
from crm.core.admin_list import OneFilter, PickFilter
from crm.core.admin_read import ReadAdmin
from crm.core.display import plain_text
from crm.core.related import of_record
from crm.history.words import address_of, kind_of
from crm.imports import views, views_held, views_runs
from crm.imports.csv import views as csv_views
from crm.imports.models import HeldRow, ImportRun
from crm.imports.problems import KNOWN, problem_of, problems_waiting
from crm.site import site

# So many kinds of problems stand above the list of held rows; the rest is found by the filter.
PROBLEMS = 8


@admin.register(ImportRun, site=site)
class ImportRunAdmin(ReadAdmin):
    """Reports of imports: counts by file, problems by line with the records they are about."""

    list_display = ("shown_when", "shown_stage", "source", "by", "shown_counts")
    list_display_links = ("shown_when",)
    list_title = "Imports"
    list_select_related = ("by", "job")
    sortable = {}
    page_related = ("by", "job", "import_job")
    empty_title = "Nothing was imported yet"
    empty_hint = "A manager imports a CSV file here; an administrator uploads an export of Salesforce."

    def get_urls(self) -> list[URLPattern]:
        """Uploading and the steps of an import, before the admin's catch-all."""
        views: list[tuple[str, Any, str]] = [
            ("upload/", views_runs.upload, "upload"),
            ("csv/", csv_views.upload, "csv"),
            ("csv/<int:pk>/forget/", csv_views.forget, "forget"),
            ("<int:pk>/csv/", csv_views.act, "csvact"),
            ("<int:pk>/rows.csv", csv_views.results, "results"),
            ("<int:pk>/act/", views_runs.act, "act"),
            ("<int:pk>/progress/", views_runs.progress, "progress"),
            ("<int:pk>/problems.csv", views_runs.problems_file, "problems"),
        ]
        own = [path(at, self.admin_site.admin_view(view), name=f"imports_importrun_{name}") for at, view, name in views]
        return own + super().get_urls()

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What it is at, what can be done next, and the report as far as it is."""
        return views_runs.context_of(obj, request)

    @admin.display(description="started")
    def shown_when(self, run: Any) -> str:
        """When it began."""
        return plain_text(run.started_at)

    @admin.display(description="stage")
    def shown_stage(self, run: Any) -> str:
        """How far it is; one that stopped on its way says so."""
        stopped = run.job and run.job.state in ("failed", "cancelled") and run.stage in ("looking", "trying", "running")
        return str(run.job.get_state_display() if stopped else run.get_stage_display())

    @admin.display(description="rows")
    def shown_counts(self, run: Any) -> str:
        """What became of the rows, all files together."""
        files = run.report.get("files", {}).values()
        total = {key: sum(one.get(key, 0) for one in files) for key in ("created", "updated", "unchanged", "rejected")}
        return ", ".join(f"{count:,} {word}" for word, count in total.items() if count) or "none"


class StateFilter(OneFilter):
    """Those that wait, were released, or were discarded."""

    title = "state"
    parameter_name = "state"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [
            (str(key), "Waiting" if key == HeldRow.State.HELD else str(label)) for key, label in HeldRow.State.choices
        ]


class ProblemFilter(PickFilter):
    """By what is wrong."""

    title = "problem"
    parameter_name = "problem"
    column = "code"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        codes = set(KNOWN) | set(HeldRow.objects.order_by().values_list("code", flat=True).distinct())
        return sorted(((code, problem_of(code, "", 0).title) for code in codes if code), key=lambda one: one[1])


class FileFilter(PickFilter):
    """By the file a row came in."""

    title = "file"
    parameter_name = "file"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        names = HeldRow.objects.order_by().values_list("file", flat=True).distinct()
        return [(name, name) for name in sorted(names) if name]


@admin.register(HeldRow, site=site)
class HeldRowAdmin(RecordAdmin):
    """Rows that could not be stored as they came: shown whole, mended and released here."""

    list_display = ("__str__", "shown_state", "message", "file", "line", "shown_run")
    list_select_related = ("run",)
    sortable = {}
    named_filters: ClassVar[dict[str, dict[str, str]]] = {"Waiting": {"state": "held"}}
    page_related = ("run",)
    filters = (StateFilter, ProblemFilter, FileFilter, of_record("run", ImportRun))
    fields = ()
    empty_title = "Nothing waits"
    empty_hint = "A row that an import cannot store is kept here until somebody mends it."

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows come by imports only."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Releasing and discarding, one or many, before the admin's catch-all."""
        pages: list[tuple[str, Any, str]] = [
            ("mend/", views_held.mend, "mend"),
            ("<int:pk>/release/", views.release, "release"),
            ("<int:pk>/decide/", views_held.decide, "decide"),
        ]
        own = [path(at, self.admin_site.admin_view(view), name=f"imports_heldrow_{name}") for at, view, name in pages]
        return own + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, under what the waiting rows wait for."""
        context = dict(extra_context or {})
        if self.has_change_permission(request):
            found = problems_waiting()
            context |= {"held_problems": found[:PROBLEMS], "held_problems_more": max(0, len(found) - PROBLEMS)}
        return super().changelist_view(request, context)

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Every column as it came, what is wrong, and the form that mends it."""
        kind = kind_of(obj.object.lower())
        return {
            "row": obj.row.items(),
            "waits": obj.state == HeldRow.State.HELD,
            "releasable": obj.state == HeldRow.State.HELD and not obj.mended_in_file,
            "release_form": views.ReleaseForm(held=obj),
            "released_as": address_of(kind(pk=obj.record_id)) if kind and obj.record_id else "",
        }

    def render_change_form(self, request: Any, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The page has a form of its own: the buttons of the usual one would save nothing."""
        context.update(show_save=False, show_save_and_continue=False, show_save_and_add_another=False, show_close=True)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="state")
    def shown_state(self, held: Any) -> str:
        """Waiting, released or discarded."""
        return "Waiting" if held.state == HeldRow.State.HELD else str(held.get_state_display())

    @admin.display(description="import")
    def shown_run(self, held: Any) -> str:
        """The import it came by."""
        return f"{held.run.system_label}, {plain_text(held.run.started_at)}"
