"""The list and the page of leads: what SDRs work in all day."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.urls import URLPattern, path

from crm import handbook
from crm.bulk.admin import BulkMixin
from crm.core.admin import RecordAdmin, moment, user_of
from crm.core.permissions import may
from crm.site import site
from crm.workspace.pages import PagesMixin
from leads import assignment_page, page, views  # noqa: F401 - registers the page of the rules
from leads.admin_list import LeadListMixin
from leads.assignment import create_lead
from leads.convert import ConvertDialog
from leads.forms import BantForm
from leads.guards import BANT
from leads.models import Lead
from leads.statuses import CLOSED, Status


@admin.register(Lead, site=site)
class LeadAdmin(PagesMixin, LeadListMixin, BulkMixin, RecordAdmin):  # type: ignore[misc]
    """Leads. The status changes by the moves on the page, never by the form."""

    head_template = "leads/head.html"
    path_template = "leads/path.html"
    work_template = "leads/work.html"
    panels_above = (
        "enquiries",
        "receipts",
    )
    needed = ("first_name", "last_name", "email", "linkedin_url")
    # Said in the panel of BANT, where a note is asked for with each.
    text_only = tuple(f"{part}{note}" for part in BANT for note in ("", "_note"))
    page_related = (
        "owner",
        "queue",
        "converted_account",
        "converted_contact",
        "converted_opportunity",
        "converted_opportunity__owner",
    )
    bulk = ("move", "reassign", "assign", "next_touch", "export", "delete")

    def get_urls(self) -> list[URLPattern]:
        """The page's own addresses, before the admin's catch-all."""
        wrap = self.admin_site.admin_view
        move = views.LeadMove.as_view(site=self.admin_site)
        own = [
            path(
                "<int:pk>/move/convert/",
                wrap(ConvertDialog.as_view(site=self.admin_site)),
                {"verb": "convert"},
                name="leads_lead_convert",
            ),
            path("<int:pk>/move/<slug:verb>/", wrap(move), name="leads_lead_move"),
            path("<int:pk>/claim/", wrap(views.claim), name="leads_lead_claim"),
            path("<int:pk>/queue/", wrap(views.queue), name="leads_lead_queue"),
            path("<int:pk>/bant/", wrap(views.bant), name="leads_lead_bant"),
            path("<int:pk>/touch/", wrap(views.touch), name="leads_lead_touch"),
            path("<int:pk>/next-touch/", wrap(views.next_touch), name="leads_lead_next_touch"),
            path("conversion/<int:pk>/accept/", wrap(views.accept), name="leads_conversion_accept"),
        ]
        return own + super().get_urls()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Who works leads most likely enters one to work it; anybody else's goes by the rules."""
        own = user_of(request).role in handbook.current().assignment.roles
        first = {"owner": str(user_of(request).pk)} if own else {}
        return first | super().get_changeform_initial_data(request)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Of a new lead: what an empty owner means."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is None and "owner" in form.base_fields:
            form.base_fields["owner"].help_text = "Empty: whose turn it is by the handbook's rules."
        return form

    def create_record(self, request: HttpRequest, obj: Any) -> None:
        """Store a new lead; one without an owner is given to somebody, and the page says to whom and why."""
        create_lead(obj, actor=user_of(request), at=moment(request), via="admin")
        if obj.given is not None:
            who = f"{obj.owner} got this lead. " if obj.owner else ""
            messages.info(request, f"{who}{obj.given.why}")

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Everything around the form."""
        at = moment(request)
        book = handbook.current()
        return {
            **super().page_context(request, obj),
            **page.moves_panel(request, obj, at=at),
            "at": at,
            "today": book.today(at),
            "head_note": ", ".join(word for word in (obj.title, obj.company) if word),
            "show_save_and_add_another": False,
            "show_save_and_continue": False,
            "path": page.path_of(obj),
            "closed_keys": [str(key) for key in CLOSED if key != Status.SAO_CONVERTED],
            "bant": BantForm(instance=obj),
            **page.lead_feed(request, obj, at=at),
            "done": "done" in request.GET,
            "can_change": may(user_of(request), "change", obj),
            **page.queue_panel(request, obj),
        }
