"""Opportunities and contracts in the admin."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import URLPattern, path

from accounts.models import Account
from contracts import admin_roles  # noqa: F401 - registers contact roles
from contracts.admin_signing import SigningMixin
from contracts.entering import check_entered
from contracts.flow import stage_choices
from contracts.forms import ContractForm
from contracts.models import Contract, Opportunity
from contracts.opportunity_views import KeepStep, OpportunityMove
from contracts.signing import ContractStatus
from contracts.worth import totals_by_stage
from crm import handbook
from crm.bulk.admin import BulkMixin
from crm.core.admin import RecordAdmin, moment, user_of
from crm.core.admin_list import OwnerFilter, pick
from crm.core.display import plain_text
from crm.core.offers import moves_of
from crm.core.related import of_record
from crm.site import site
from crm.workspace.lists import ListsMixin
from crm.workspace.pages import PagesMixin

TONES = {"won": "success", "lost": "danger", "open": "info"}
STATUS_TONES = {"sent": "info", "signed": "info", "active": "success", "expired": "warning", "terminated": "danger"}


def stage_tone(key: str) -> str:
    """The colour of a stage: whether it is open, won or lost."""
    kinds = {stage.key: stage.kind for stage in handbook.current().opportunity.stages}
    return TONES.get(kinds.get(key, ""), "")


def money(record: Any) -> str:
    """An amount with its currency; nothing where there is none, which is not zero."""
    return f"{plain_text(record.amount)} {record.currency}" if record.amount is not None else ""


def by_name(queryset: models.QuerySet[Any], term: str) -> models.QuerySet[Any]:
    """By name, anywhere in it; one or two letters, at its beginning."""
    found: models.QuerySet[Any] = queryset.search(term)  # type: ignore[attr-defined]
    return found


@admin.register(Opportunity, site=site)
class OpportunityAdmin(PagesMixin, ListsMixin, BulkMixin, RecordAdmin):  # type: ignore[misc]
    """Opportunities. The stage changes by the moves on the page, never by the form."""

    tones = {"stage": stage_tone}
    board = ("account", "owner", "amount", "next_step")
    board_totals = staticmethod(totals_by_stage)
    board_asks = ("win",)
    sortable = {"close_on": ("close_on", "id")}
    page_related = ("owner", "account", "contact")
    filters = (pick("stage", "stage", stage_choices), OwnerFilter, of_record("account", Account))
    autocomplete_fields = ("account", "contact", "reseller", "renews", "amends")
    bulk = ("move", "reassign", "export", "delete")
    head_template = "contracts/head.html"
    path_template = "contracts/stage_path.html"
    panels_above = ("enquiries", "receipts", "missing")
    needed = ("account", "name", "amount", "close_on", "owner")
    text_only = ("lost_reason",)
    search_help_text = "Opportunity name"
    empty_title = "No opportunities yet"
    empty_hint = "An opportunity is made when a lead is converted. You may also add one to an account."

    def search(self, queryset: models.QuerySet[Any], term: str) -> models.QuerySet[Any]:
        """By name, anywhere in it."""
        return by_name(queryset, term)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Who enters an opportunity most likely works it; it is expected to close when the handbook says."""
        book = handbook.current()
        days = timedelta(days=book.opportunity.close_days)
        close_on = book.today(moment(request)) + days
        mine = {"owner": str(user_of(request).pk), "close_on": close_on}
        return mine | super().get_changeform_initial_data(request)

    def create_record(self, request: HttpRequest, obj: Any) -> None:
        """A new one begins in the first open stage."""
        obj.__dict__["stage"] = next(iter(Opportunity.entry_states()))
        entered = [field.name for field in Opportunity._meta.concrete_fields]
        check_entered(obj, entered, stored=None, actor=user_of(request), at=moment(request))
        super().create_record(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """What was typed in is judged as it is over the API."""
        filled: list[str] = []
        if change and form.changed_columns:
            stored = Opportunity.objects.get(pk=obj.pk)
            filled = check_entered(obj, form.changed_columns, stored=stored, actor=user_of(request), at=moment(request))
        if filled:
            obj.save(update_fields=[*form.changed_columns, *filled])
        else:
            super().save_model(request, obj, form, change)

    def get_urls(self) -> list[URLPattern]:
        """The dialogs of the moves and of the next step, before the admin's catch-all."""
        move = self.admin_site.admin_view(OpportunityMove.as_view(site=self.admin_site))
        keep = self.admin_site.admin_view(KeepStep.as_view(site=self.admin_site))
        return [
            path("<int:pk>/move/<slug:verb>/", move, name="contracts_opportunity_move"),
            path("<int:pk>/next-step/done/", keep, name="contracts_opportunity_keep_step"),
            *super().get_urls(),
        ]

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Where it stands, and what may be done with it."""
        moves = moves_of(obj, actor=user_of(request), at=moment(request))
        return {
            **super().page_context(request, obj),
            "moves": moves,
            "moves_url": "admin:contracts_opportunity_move",
            "quiet_verbs": ("step_back", "lose"),
            "record": obj,
            "page_version": obj.version,
        }


@admin.register(Contract, site=site)
class ContractAdmin(SigningMixin, PagesMixin, ListsMixin, BulkMixin, RecordAdmin):  # type: ignore[misc]
    """Contracts and their three dates (C1). The status changes by the moves on the page, never by the form."""

    form = ContractForm
    tones = {"status": STATUS_TONES}
    sortable = {"effective_date": ("effective_date", "id")}
    page_related = ("account", "account__owner", "opportunity", "opportunity__owner")
    filters = (
        pick("status", "status", lambda: ContractStatus.choices),
        of_record("account", Account),
        of_record("opportunity", Opportunity),
    )
    autocomplete_fields = ("account", "opportunity", "reseller")
    bulk = ("move", "export", "delete")
    panels_above = ("contract_notes",)
    needed = ("name", "account", "opportunity")
    search_help_text = "Contract name"
    empty_title = "No contracts yet"
    empty_hint = "Add one when the last party has signed; its dates say what they mean."

    def search(self, queryset: models.QuerySet[Any], term: str) -> models.QuerySet[Any]:
        """By name, anywhere in it."""
        return by_name(queryset, term)
