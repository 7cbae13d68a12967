"""What contacts are to opportunities, in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import Contact
from contracts.models import ContactRole, Opportunity
from contracts.people import add_contact_role
from crm.core.admin import RecordAdmin, moment, user_of
from crm.core.offers import VIA
from crm.core.related import of_record
from crm.site import site


@admin.register(ContactRole, site=site)
class ContactRoleAdmin(RecordAdmin):
    """Who champions a sale, who pays, who signs."""

    list_display = ("contact", "opportunity", "shown_role", "shown_primary")
    list_select_related = ("contact", "opportunity")
    sortable = {}
    page_related = ("contact", "opportunity", "opportunity__owner")
    filters = (of_record("opportunity", Opportunity), of_record("contact", Contact))
    autocomplete_fields = ("opportunity", "contact")
    fieldsets = (("Contact role", {"fields": (("contact", "role"), ("opportunity", "is_primary"))}),)
    empty_title = "No contact roles yet"
    empty_hint = "Add one from an opportunity's page: who champions it, who pays, who signs."

    def create_record(self, request: HttpRequest, obj: Any) -> None:
        """Of an opportunity that they may change."""
        add_contact_role(obj, actor=user_of(request), at=moment(request), via=VIA)

    @admin.display(description="role", empty_value="")
    def shown_role(self, role: Any) -> str:
        """In the handbook's words; one that left the handbook stands as it is."""
        return str(role.get_role_display())

    @admin.display(description="primary", empty_value="")
    def shown_primary(self, role: Any) -> str:
        """Whether they are the one to speak with first."""
        return "Primary" if role.is_primary else ""
