"""Findings in the admin: the list, and the page of each with what is to be done about it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.decorators import display

from crm import handbook
from crm.checkups.assigning import title_of
from crm.checkups.dialogs import FindingDialog
from crm.checkups.findings_list import FILTERS, FindingChangeList, concerning, found_by
from crm.checkups.findings_page import finding_page
from crm.checkups.models import Finding
from crm.checkups.words import subjects_of
from crm.core.admin_read import ReadAdmin
from crm.core.asking import moment, user_of
from crm.core.display import short_day
from crm.site import site

SEVERITIES = {"error": "danger", "warning": "warning", "note": "info"}
LONGEST = 70


@admin.register(Finding, site=site)
class FindingAdmin(ReadAdmin):
    """What is not as the handbook has it, the newest first: all of it for managers, for others what concerns them."""

    list_display = (
        "shown_title",
        "shown_on",
        "shown_severity",
        "shown_state",
        "shown_assignee",
        "shown_due",
        "shown_since",
    )
    list_display_links = ("shown_title",)
    list_title = "Findings"
    list_select_related = ("assignee",)
    page_related = ("assignee",)
    sortable = {}
    filters = FILTERS
    search_help_text = "What a rule says, or the name of a record"
    empty_title = "Nothing to put right"
    empty_hint = "What a checkup finds is listed here, and leaves the list by itself once it is put right."

    class Media:
        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("checkups/list.css",)}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        return FindingChangeList

    def get_urls(self) -> list[URLPattern]:
        """What its buttons do, before the admin's catch-all."""
        dialog = self.admin_site.admin_view(FindingDialog.as_view(site=self.admin_site))
        return [path("<int:pk>/do/<slug:verb>/", dialog, name="checkups_finding_do"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """On the list, what concerns who asks; on the page of one, its rights are asked by themselves."""
        rows = super().get_queryset(request)
        match = request.resolver_match
        on_a_page = match is not None and "object_id" in match.kwargs
        return rows if on_a_page else concerning(rows, user_of(request))

    def search(self, queryset: models.QuerySet[Any], term: str) -> models.QuerySet[Any]:
        """By the rule's sentence, or by the name that a record has now."""
        return found_by(queryset, term)

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """What each is about, by the names that records have now: one query for each kind."""
        today = handbook.current().today(moment(request))
        for row, named in zip(rows, subjects_of(rows), strict=True):
            row.named, row.today = named, today

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Expected and found, what speaks for it, what happened, and what can be done."""
        found = self.get_object(request, object_id)
        if found is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        if not self.has_view_permission(request, found) or request.method == "POST":
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "list_title": self.list_title,
            "original": found,
            "title": title_of(found),
            "subtitle": None,
            "back": reverse("admin:checkups_finding_changelist"),
            **finding_page(found, user=user_of(request), at=moment(request)),
        }
        return TemplateResponse(request, "checkups/finding.html", context)

    @admin.display(description="what should be")
    def shown_title(self, finding: Any) -> SafeString:
        """The sentence of its rule."""
        return format_html('<span class="ck-what">{}</span>', title_of(finding))

    @admin.display(description="on")
    def shown_on(self, finding: Any) -> SafeString:
        """What it is about, and what was found there."""
        name = finding.named.name if hasattr(finding, "named") else finding.label
        # What was expected is said too where there is room: "Payment terms: Missing".
        both = f"{finding.expected}: {finding.found}"
        found = both if len(both) <= LONGEST else Truncator(finding.found).chars(LONGEST)
        return format_html(
            '<span class="ck-on"><span>{}</span><span class="plumb-quiet" title="{}">{}</span></span>',
            name,
            finding.found[:1000],
            found,
        )

    @display(description="severity", label=SEVERITIES)  # type: ignore[untyped-decorator]
    def shown_severity(self, finding: Any) -> tuple[str, str]:
        """How much it matters."""
        return finding.severity, finding.get_severity_display()

    @admin.display(description="state")
    def shown_state(self, finding: Any) -> str:
        """Where it stands; of what is accepted, until when."""
        until = finding.accepted_until
        label = str(finding.get_state_display())
        return f"Until {short_day(until, finding.today)}" if until and hasattr(finding, "today") else label

    @admin.display(description="assigned to", empty_value="")
    def shown_assignee(self, finding: Any) -> str | None:
        """Whose it is."""
        return str(finding.assignee) if finding.assignee_id else None

    @admin.display(description="due", empty_value="")
    def shown_due(self, finding: Any) -> Any:
        """By when; a day that has passed is marked."""
        if finding.due_on is None or not hasattr(finding, "today"):
            return None
        said = short_day(finding.due_on, finding.today)
        late = finding.due_on < finding.today and finding.state == Finding.State.OPEN
        return (
            format_html('<span class="plumb-label plumb-label-danger" title="Past due">{}</span>', said)
            if late
            else said
        )

    @admin.display(description="since")
    def shown_since(self, finding: Any) -> str:
        """The day it was first seen, and how often it came back."""
        book = handbook.current()
        day = finding.first_seen.astimezone(book.zone).date()
        said = short_day(day, getattr(finding, "today", day))
        return f"{said}, back {finding.times_back}×" if finding.times_back else said
