"""Imports in the admin: their reports, and the rows that wait for a person to mend them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse

from crm.core.admin import RecordAdmin
from crm.core.admin_list import OneFilter
from crm.core.admin_read import ReadAdmin
from crm.core.display import plain_text
from crm.core.related import of_record
from crm.history.words import address_of, kind_of
from crm.imports import views
from crm.imports.models import HeldRow, ImportRun
from crm.site import site
from crm.sync.models import ExternalId

PROBLEMS = 500


@admin.register(ImportRun, site=site)
class ImportRunAdmin(ReadAdmin):
    """Reports of imports: counts by file, problems by line with the records they are about."""

    list_display = ("shown_when", "shown_system", "source", "by", "shown_counts")
    list_display_links = ("shown_when",)
    list_title = "Imports"
    list_select_related = ("by",)
    sortable = {}
    page_related = ("by",)
    empty_title = "Nothing was imported yet"
    empty_hint = "Bring a Salesforce export in with the command import_salesforce; its report then stands here."

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """The report as tables; each problem leads to the record or to the held row it is about."""
        problems = list(obj.report.get("problems", []))
        shown = problems[:PROBLEMS]
        return {
            "files": [(name, counts) for name, counts in obj.report.get("files", {}).items()],
            "problems": list(zip(shown, addresses(obj.system, [one.get("id", "") for one in shown]), strict=True)),
            "more": len(problems) - len(shown),
            "waiting": HeldRow.objects.waiting().filter(run=obj).count(),
            "held_address": f"{reverse('admin:imports_heldrow_changelist')}?state=held&run={obj.pk}",
        }

    @admin.display(description="started")
    def shown_when(self, run: Any) -> str:
        """When it began."""
        return plain_text(run.started_at)

    @admin.display(description="system")
    def shown_system(self, run: Any) -> str:
        """Where the rows came from."""
        return str(run.system).capitalize()

    @admin.display(description="rows")
    def shown_counts(self, run: Any) -> str:
        """What became of the rows, all files together."""
        files = run.report.get("files", {}).values()
        total = {key: sum(one.get(key, 0) for one in files) for key in ("created", "updated", "unchanged", "rejected")}
        return ", ".join(f"{count:,} {word}" for word, count in total.items() if count) or "none"


def addresses(system: str, ids: list[str]) -> list[str]:
    """Where the record, or else the held row, of each id of another system is; empty where there is neither."""
    wanted = {one for one in ids if one}
    found: dict[str, str] = {}
    for held in HeldRow.objects.filter(system=system, external_id__in=wanted):
        found[held.external_id] = address_of(held)
    for known in ExternalId.objects.filter(system=system, value__in=wanted):
        kind = kind_of(known.object)
        if kind is not None:
            found[known.value] = address_of(kind(pk=known.record_id))
    return [found.get(one, "") for one in ids]


class StateFilter(OneFilter):
    """Those that wait, or those that were released."""

    title = "state"
    parameter_name = "state"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [
            (str(key), "Waiting" if key == HeldRow.State.HELD else str(label)) for key, label in HeldRow.State.choices
        ]


@admin.register(HeldRow, site=site)
class HeldRowAdmin(RecordAdmin):
    """Rows that could not be stored as they came: shown whole, mended and released here."""

    list_display = ("__str__", "shown_state", "message", "file", "line", "shown_run")
    list_select_related = ("run",)
    sortable = {}
    page_related = ("run",)
    filters = (StateFilter, of_record("run", ImportRun))
    fields = ()
    empty_title = "Nothing waits"
    empty_hint = "A row that an import cannot store is kept here until somebody mends it."

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows come by imports only."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Releasing, beside the page."""
        release = self.admin_site.admin_view(views.release)
        return [path("<int:pk>/release/", release, name="imports_heldrow_release"), *super().get_urls()]

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
        """Waiting or released."""
        return "Waiting" if held.state == HeldRow.State.HELD else str(held.get_state_display())

    @admin.display(description="import")
    def shown_run(self, held: Any) -> str:
        """The import it came by."""
        return f"{held.run.system.capitalize()}, {plain_text(held.run.started_at)}"
