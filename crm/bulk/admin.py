"""The lists of tasks, touches and findings with what can be done to many of them; other apps' lists say so themselves.

They stand below this app, which therefore registers their admins anew.
"""

from __future__ import annotations

from django.contrib import admin

from crm.activities.admin import ActivityAdmin
from crm.activities.admin_tasks import TaskAdmin
from crm.activities.models import Activity, Task
from crm.bulk.mixin import BulkMixin as BulkMixin
from crm.checkups.findings_admin import FindingAdmin
from crm.checkups.models import Finding
from crm.site import site

site.unregister([Activity, Task, Finding])


@admin.register(Task, site=site)
class TasksAdmin(BulkMixin, TaskAdmin):
    """Tasks; many are done, put off, given away or deleted at once."""

    bulk = ("finish", "due", "reassign", "delete")


@admin.register(Activity, site=site)
class TouchesAdmin(BulkMixin, ActivityAdmin):
    """Touches; many that never happened are deleted at once, one's own, by managers anybody's."""

    bulk = ("delete",)


@admin.register(Finding, site=site)
class FindingsAdmin(BulkMixin, FindingAdmin):
    """Findings; many are assigned, accepted, discussed or put right at once."""

    bulk = ("assign_findings", "accept_findings", "comment_findings", "fix_findings")
