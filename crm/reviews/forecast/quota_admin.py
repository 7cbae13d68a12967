"""Quotas in the admin: one by one, with their history."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from crm.core.admin import RecordAdmin, moment
from crm.core.admin_list import OneFilter, OwnerFilter
from crm.core.display import plain_text
from crm.reviews import periods
from crm.reviews.forecast.asked import quarter_now, start_month
from crm.reviews.models import Quota
from crm.site import site

AROUND = range(-4, 5)


class QuarterFilter(OneFilter):
    """The quarters around the present one."""

    title = "quarter"
    parameter_name = "quarter"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        days = [periods.next_quarter(quarter_now(moment(request)), count) for count in AROUND]
        return [(day.isoformat(), periods.label(day, start_month())) for day in days]


@admin.register(Quota, site=site)
class QuotaAdmin(RecordAdmin):
    """What each is to win in a fiscal quarter."""

    list_display = ("shown_owner", "shown_quarter", "shown_amount")
    list_display_links = ("shown_owner",)
    list_select_related = ("owner",)
    page_related = ("owner",)
    ordering = ("-quarter", "owner__first_name", "owner__last_name", "id")
    sortable = {}
    filters = (QuarterFilter, OwnerFilter)
    fieldsets = ((None, {"fields": ("owner", "quarter", ("amount", "currency"))}),)
    empty_title = "No quotas yet"
    empty_hint = "Set them for a whole team on the forecast’s page of quotas, or one by one here."

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The present quarter, as a rule."""
        return {"quarter": quarter_now(moment(request))} | super().get_changeform_initial_data(request)

    @admin.display(description="owner")
    def shown_owner(self, quota: Any) -> str:
        """Whose it is."""
        return str(quota.owner)

    @admin.display(description="quarter")
    def shown_quarter(self, quota: Any) -> str:
        """What the quarter is called."""
        return periods.label(quota.quarter, start_month())

    @admin.display(description="amount")
    def shown_amount(self, quota: Any) -> str:
        """With its currency."""
        return f"{plain_text(quota.amount)} {quota.currency}"
