"""Findings and runs in the admin."""

from __future__ import annotations

from django.contrib import admin

from crm.checkups import pages as pages
from crm.checkups.models import Finding, Run
from crm.core.admin_read import ReadAdmin
from crm.site import site


@admin.register(Finding, site=site)
class FindingAdmin(ReadAdmin):
    """What is not as the handbook has it, the newest first."""

    list_display = ("label", "rule", "state", "first_seen", "last_seen")
    sortable = {}
    empty_title = "Nothing to put right"
    empty_hint = "What checkups find is listed here."


@admin.register(Run, site=site)
class RunAdmin(ReadAdmin):
    """Runs, the newest first."""

    list_display = ("why", "state", "started_at", "finished_at")
    sortable = {}
    empty_title = "No checkup has run yet"
    empty_hint = "The first one runs tonight; on the page of checkups one can be started now."
