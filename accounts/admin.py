"""Accounts and contacts in the admin."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest
from django.urls import reverse

from accounts import panels, public, views  # noqa: F401 - register what pages show of people, and codenames
from accounts.domains import shared_domains
from accounts.models import Account, Contact, industry_choices, source_choices
from crm.activities.gate import bars_of
from crm.activities.marks import marked
from crm.bulk.admin import BulkMixin
from crm.core.admin import RecordAdmin, user_of
from crm.core.admin_list import OwnerFilter, pick
from crm.core.related import of_record
from crm.site import site
from crm.workspace.lists import ListsMixin
from crm.workspace.lists_filters import by_field
from crm.workspace.pages import PagesMixin

TYPE_TONES = {"customer": "success", "prospect": "info", "former_customer": "warning"}
HEALTH_TONES = {"green": "success", "amber": "warning", "red": "danger"}


@admin.register(Account, site=site)
class AccountAdmin(PagesMixin, ListsMixin, BulkMixin, RecordAdmin):  # type: ignore[misc]
    """Companies. A new one is asked for its name first; the page of one is laid out as the handbook says (C2-C7)."""

    panels_above = ("enquiries",)
    tones = {"type": TYPE_TONES, "health": HEALTH_TONES}
    sortable = {}
    page_related = ("owner", "parent")
    filters = (by_field(Account, "type"), OwnerFilter, pick("industry", "industry", industry_choices))
    autocomplete_fields = ("parent",)
    bulk = ("reassign", "export", "public_export", "delete")
    needed = ("name", "type", "owner")
    search_help_text = "Account name or domain"
    empty_title = "No accounts yet"
    empty_hint = "Accounts are made when leads are converted or imported. You may also add one."

    def search(self, queryset: models.QuerySet[Any], term: str) -> models.QuerySet[Any]:
        """By name, or by a whole domain or phone number; one or two letters at the beginning."""
        found: models.QuerySet[Any] = queryset.search(term)  # type: ignore[attr-defined]
        return found

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Who enters an account most likely works it."""
        return {"owner": str(user_of(request).pk)} | super().get_changeform_initial_data(request)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and say what is allowed and odd: a website at another's domain, or the other way round."""
        super().save_model(request, obj, form, change)
        if {"website", "domains"}.intersection(form.changed_data):
            for sentence in shared_domains(obj):
                messages.warning(request, sentence)


@admin.register(Contact, site=site)
class ContactAdmin(PagesMixin, ListsMixin, BulkMixin, RecordAdmin):  # type: ignore[misc]
    """People in companies."""

    panels_above = ("enquiries",)
    rich = {"name": "shown_name"}
    sortable = {}
    page_related = ("owner", "account", "reports_to")
    filters = (
        OwnerFilter,
        pick("lead source", "source", source_choices, column="lead_source"),
        of_record("account", Account),
    )
    autocomplete_fields = ("account", "reports_to")
    bulk = ("reassign", "export", "delete")
    needed = ("first_name", "last_name", "account", "title", "email")
    search_help_text = "Name or email"
    empty_title = "No contacts yet"
    empty_hint = "Contacts are made when leads are converted or imported. You may also add one."

    def search(self, queryset: models.QuerySet[Any], term: str) -> models.QuerySet[Any]:
        """By name or email, or by a whole address; one or two letters at the beginning."""
        found: models.QuerySet[Any] = queryset.search(term)  # type: ignore[attr-defined]
        return found

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Who enters a contact most likely knows them."""
        return {"owner": str(user_of(request).pk)} | super().get_changeform_initial_data(request)

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """Who of this page is not to be contacted, in one query."""
        super().prepare_rows(request, rows)
        bars = bars_of("contact", [row.pk for row in rows])
        for row in rows:
            row.bars = bars.get(row.pk, [])

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Whether they may be contacted; if they may, where to note that they asked not to be."""
        named = {"email": obj.email, "linkedin_url": obj.linkedin_url, "phone": obj.phone or obj.mobile}
        query = urlencode({name: value for name, value in named.items() if value})
        return {
            **super().page_context(request, obj),
            "bars": bars_of("contact", [obj.pk]).get(obj.pk, []),
            "suppress_url": f"{reverse('admin:activities_suppression_add')}?{query}",
        }

    @admin.display(description="name")
    def shown_name(self, contact: Any) -> str:
        """First and last name, or the email; and that they are not to be contacted."""
        return marked(str(contact), getattr(contact, "bars", []))
