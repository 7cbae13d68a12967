"""Enquiries in the admin: what waits for an answer, each with its clock; entered, answered, voided and held up here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from crm.bulk.admin import BulkMixin
from crm.core.admin import RecordAdmin, moment, user_of
from crm.core.errors import Missing, Refused
from crm.enquiries import attainment_page  # noqa: F401 - gives the page of response times its address
from crm.enquiries.admin_list import EnquiryListMixin
from crm.enquiries.dialogs import VIA, EnquiryDialog
from crm.enquiries.entering import EnterForm
from crm.enquiries.hooks import admin as admin_sources  # noqa: F401 - registers the sources
from crm.enquiries.models import Enquiry
from crm.enquiries.receiving import Receipt, receive_enquiry
from crm.enquiries.showing import enquiry_page
from crm.enquiries.subjects import title_of
from crm.enquiries.waiting import UNANSWERED
from crm.site import site


@admin.register(Enquiry, site=site)
class EnquiryAdmin(EnquiryListMixin, BulkMixin, RecordAdmin):  # type: ignore[misc]
    """Enquiries. Nobody edits one: it is answered, attached, held up or voided."""

    page_related = (
        "clock",
        "owner__team",
        "queue",
        "lead__owner__team",
        "lead__queue",
        "contact",
        "account__owner__team",
        "opportunity__owner__team",
        "answer__by",
        "voided_by",
    )
    bulk = ("void_enquiries",)

    def get_urls(self) -> list[URLPattern]:
        """What its buttons do, before the admin's catch-all."""
        dialog = self.admin_site.admin_view(EnquiryDialog.as_view(site=self.admin_site))
        return [path("<int:pk>/do/<slug:verb>/", dialog, name="enquiries_enquiry_do"), *super().get_urls()]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What they asked stays on record: what is no request is voided."""
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Enter one that came by a way that is not connected."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = EnterForm(request.POST or None, at=moment(request), initial=request.GET.dict())
        refusal: Refused | None = None
        if request.method == "POST":
            try:
                receipt = self.enter(request, form)
            except Refused as refused:
                refusal = refused
            else:
                messages.success(request, said_of(receipt))
                return HttpResponseRedirect(self.page_address(receipt.enquiry.pk))
        asked, blocked = form.asked(refusal)
        context = {"title": "Enter an enquiry", "asked": asked, "blocked": blocked, "back": self.list_address()}
        return self.page(request, "enquiries/add.html", context, status=400 if refusal else 200)

    def enter(self, request: HttpRequest, form: EnterForm) -> Receipt:
        """Receive what was entered.

        Raises:
            Refused: `forbidden`, or `missing_facts` with everything that will not do.
        """
        if not form.is_valid():
            wrong = [
                Missing(f"invalid_{name}", str(text), name) for name, texts in form.errors.items() for text in texts
            ]
            raise Refused("missing_facts", " ".join(one.message for one in wrong), wrong)
        return receive_enquiry(
            form.incoming(), came_by=Enquiry.Came.ENTERED, actor=user_of(request), at=moment(request), via=VIA
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What they wrote, who they are, the clock, and what can be done."""
        found = self.get_object(request, object_id)
        if found is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        if request.method == "POST":
            raise PermissionDenied("An enquiry is not edited: it is answered, attached, held up or voided.")
        context = {
            "title": title_of(found),
            "subtitle": None,
            "original": found,
            "back": self.list_address(),
            **enquiry_page(found, user=user_of(request), at=moment(request)),
        }
        return self.page(request, "enquiries/page.html", context)

    def page(self, request: HttpRequest, name: str, context: dict[str, Any], *, status: int = 200) -> TemplateResponse:
        """One of our own pages, under the list's name."""
        return TemplateResponse(
            request,
            name,
            {**self.admin_site.each_context(request), "opts": self.opts, "list_title": self.list_title} | context,
            status=status,
        )

    def list_address(self) -> str:
        """The list of those that wait."""
        return f"{reverse('admin:enquiries_enquiry_changelist')}?state={UNANSWERED}"


def said_of(receipt: Receipt) -> str:
    """What became of what was entered."""
    enquiry = receipt.enquiry
    if receipt.known:
        return "This message is here already."
    if receipt.made_lead:
        return f"Entered, and a lead was made: {enquiry.lead}."
    return f"Entered. It is of {enquiry.about}." if enquiry.about else "Entered. Nobody is known by these details yet."
