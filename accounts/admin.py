"""Accounts and contacts in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models

from accounts.models import Account, account_type_choices, industry_choices
from crm.core.admin import RecordAdmin
from crm.core.admin_list import OwnerFilter, TooShort, pick
from crm.site import site

SHORT = "Type at least three letters to search."


@admin.register(Account, site=site)
class AccountAdmin(RecordAdmin):
    """Companies."""

    list_display = ("name", "type", "industry", "owner", "billing_country", "created_at")
    list_select_related = ("owner",)
    page_related = ("owner", "parent")
    filters = (pick("type", "type", account_type_choices), pick("industry", "industry", industry_choices), OwnerFilter)
    autocomplete_fields = ("parent",)

    def search(self, queryset: models.QuerySet[Any], term: str) -> models.QuerySet[Any]:
        """By name, anywhere in it."""
        if len(term) < 3:
            raise TooShort(SHORT)
        return queryset.filter(name_key__contains=term)
