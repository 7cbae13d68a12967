"""The list of runs, and the page of each: how far it is, what it looked at, what it changed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from crm.checkups.models import Run
from crm.checkups.overview import by_area, lines_of
from crm.core.admin import moment, user_of
from crm.core.admin_list import pick
from crm.core.admin_read import ReadAdmin
from crm.core.display import plain_text
from crm.core.permissions import may
from crm.jobs import heartbeats
from crm.site import site

TONES = {"running": "info", "done": "success", "failed": "danger", "cancelled": "none", "killed": "danger"}


@admin.register(Run, site=site)
class RunAdmin(ReadAdmin):
    """Runs, the newest first."""

    change_form_template = "admin/checkups/run/change_form.html"
    list_display = ("shown_why", "shown_state", "shown_started", "shown_took", "by")
    list_title = "Runs of checkups"
    list_select_related = ("by",)
    page_related = ("by", "job", "person")
    sortable = {}
    filters = (
        pick("why", "why", lambda: Run.Why.choices),
        pick("state", "state", lambda: Run.State.choices),
    )
    empty_title = "No checkup has run yet"
    empty_hint = "The first one runs by itself tonight. On the page of checkups one can be started now."

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What it looked at by area, and what changed."""
        found = lines_of(obj)
        running = obj.state == Run.State.RUNNING
        return {
            "run": obj,
            "running": running,
            "groups": by_area(found),
            "figures": [
                ("found", sum(one.last.total for one in found if one.last), ""),
                ("new", sum(one.last.new + one.last.back for one in found if one.last), "bad"),
                ("gone", sum(one.last.gone for one in found if one.last), "good"),
                ("rules", len(found), ""),
            ],
            "worker": heartbeats.judge(at=moment(request))["worker"] if running else heartbeats.OK,
            "may_answer": obj.job is not None and may(user_of(request), "change", obj.job),
        }

    @admin.display(description="run")
    def shown_why(self, run: Any) -> str:
        """What started it, and whether it looked at everything."""
        part = f", {len(run.rules)} rule{'' if len(run.rules) == 1 else 's'}" if run.rules else ""
        return f"{run.get_why_display()}{part}"

    @display(description="state", label=TONES)  # type: ignore[untyped-decorator]
    def shown_state(self, run: Any) -> tuple[str, str]:
        """How far it is."""
        return run.state, run.get_state_display()

    @admin.display(description="started")
    def shown_started(self, run: Any) -> str:
        """When it began."""
        return plain_text(run.started_at)

    @admin.display(description="took")
    def shown_took(self, run: Any) -> str:
        """How long it was at work; nothing while it is."""
        return str(run.took)
