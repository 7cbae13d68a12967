"""Bulk jobs in the admin: administrators see what programs sent, how far it is, and what became of each row."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe
from unfold.decorators import display

from crm.core.admin_list import OneFilter, PickFilter
from crm.core.admin_read import ReadAdmin
from crm.core.asking import user_of
from crm.core.display import plain_text
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.core.related import of_record
from crm.jobs.files import KEPT_DAYS
from crm.jobs.pages import attachment
from crm.jobs.words import reasons_of, spoken_counts
from crm.site import site
from crm.sync.jobs.results import REMOVED, as_csv, find_results, in_chunks
from crm.sync.jobs.states import GIVEN_UP, OPEN, percent_of, state_of
from crm.sync.models import ApiKey, BulkJob

STATES = {
    OPEN: "Takes parts",
    "waiting": "Waits for a worker",
    "running": "Running",
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
    GIVEN_UP: "Given up",
}
TONES = {
    **dict.fromkeys((OPEN, "waiting", "running"), "info"),
    **dict.fromkeys(("cancelled", GIVEN_UP), "default"),
    "done": "success",
    "failed": "danger",
}


class StateFilter(OneFilter):
    """How far they are."""

    title = "state"
    parameter_name = "state"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return list(STATES.items())

    def condition(self, request: HttpRequest, picked: list[str]) -> models.Q:
        if not picked or picked[0] not in STATES:
            return models.Q()
        if picked[0] in (OPEN, GIVEN_UP):
            return models.Q(job=None, closed_at__isnull=picked[0] == OPEN)
        return models.Q(job__state=picked[0])


class ResourceFilter(PickFilter):
    """By what their rows are."""

    title = "resource"
    parameter_name = "resource"
    column = "resource"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        names = BulkJob.objects.order_by().values_list("resource", flat=True).distinct()
        return [(name, name.replace("_", " ").capitalize()) for name in sorted(names)]


@admin.register(BulkJob, site=site)
class BulkJobAdmin(ReadAdmin):
    """What programs sent in bulk. They work it with their keys; here it is seen."""

    list_display = ("__str__", "shown_state", "shown_rows", "shown_done", "shown_key", "shown_made")
    list_title = "Bulk jobs"
    list_select_related = ("api_key", "job")
    sortable = {}
    page_related = ("api_key", "api_key__user", "job")
    filters = (StateFilter, ResourceFilter, of_record("api_key", ApiKey))
    empty_title = "No bulk jobs yet"
    empty_hint = "A program that has many rows uploads them in parts over the API, and they are stored by a worker."

    def get_urls(self) -> list[URLPattern]:
        """The results, before the admin's catch-all."""
        results = path("<int:pk>/results.csv", self.admin_site.admin_view(results_file), name="sync_bulkjob_results")
        return [results, *super().get_urls()]

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """How far it is, what came of it and why."""
        state, job = state_of(obj), obj.job
        return {
            "bulk": obj,
            "state_label": STATES.get(state, state),
            "tone": TONES.get(state, "default"),
            "percent": percent_of(obj),
            "parts": obj.parts.count(),
            "counts": spoken_counts(job) if job else [],
            "reasons": reasons_of(job) if job else [],
            "removed": KEPT_DAYS if job and REMOVED in job.input else 0,
            "has_results": bool(job and job.counts and REMOVED not in job.input),
        }

    @display(description="state", label=TONES)  # type: ignore[untyped-decorator]
    def shown_state(self, bulk: Any) -> tuple[str, str]:
        """How far it is."""
        state = state_of(bulk)
        return state, STATES.get(state, state)

    @admin.display(description="rows")
    def shown_rows(self, bulk: Any) -> str:
        """How many rows are done, and how much of the upload that is."""
        done = f"{bulk.row:,}"
        return done if state_of(bulk) in ("done", OPEN, GIVEN_UP) else f"{done} ({percent_of(bulk)}%)"

    @admin.display(description="what became of them")
    def shown_done(self, bulk: Any) -> str:
        """How many rows had each outcome."""
        counts = spoken_counts(bulk.job) if bulk.job else []
        return ", ".join(f"{one.number:,} {one.word}" for one in counts) or "–"

    @admin.display(description="key")
    def shown_key(self, bulk: Any) -> str:
        """Whose it is."""
        return str(bulk.api_key)

    @admin.display(description="made")
    def shown_made(self, bulk: Any) -> str:
        """When it was opened."""
        return plain_text(bulk.made_at)


@require_safe
def results_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What became of each row, for a spreadsheet."""
    found = get_object_or_404(BulkJob.objects.select_related("job"), pk=pk)
    if not may(user_of(request), "view", found):
        raise PermissionDenied
    try:
        results = find_results(found)
    except Refused as refused:
        raise Http404(refused.message) from refused
    return attachment(in_chunks(as_csv(results, spreadsheet=True)), f"bulk-job-{pk}-results.csv")
