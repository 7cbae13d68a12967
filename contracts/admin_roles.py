"""What contacts are to opportunities, in the admin and on the pages of both."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import Contact
from contracts.models import ContactRole, Opportunity
from crm.core.admin import RecordAdmin, user_of
from crm.core.permissions import may
from crm.core.related import Column, Related, of_record, related
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

    @admin.display(description="role", empty_value="")
    def shown_role(self, role: Any) -> str:
        """In the handbook's words; one that left the handbook stands as it is."""
        return str(role.get_role_display())

    @admin.display(description="primary", empty_value="")
    def shown_primary(self, role: Any) -> str:
        """Whether they are the one to speak with first."""
        return "Primary" if role.is_primary else ""


ROLE: Column = ("Role", lambda role: role.get_role_display())
PRIMARY: Column = ("", lambda role: "Primary" if role.is_primary else "")


def roles_of(request: HttpRequest, opportunity: Any) -> Related:
    """The people of an opportunity, the primary one first."""
    rows = opportunity.contact_roles.select_related("contact").order_by("-is_primary", "-pk")
    columns = [("Contact", lambda role: str(role.contact)), ROLE, PRIMARY]
    return related(rows, columns, by={"opportunity": opportunity.pk}, may_add=may(user_of(request), "add", ContactRole))
