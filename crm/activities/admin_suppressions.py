"""Do Not Contact (DNC) in the admin: everybody sees who is not to be contacted and notes it; managers lift it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.apps import apps
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import display

from crm.activities.covering import contacts_covered, leads_covered, terms_of
from crm.activities.forms import LiftForm, SuppressForm
from crm.activities.models import Suppression, reason_choices
from crm.activities.naming import name_any, named_in
from crm.activities.suppressing import lift, suppress
from crm.core.admin import RecordAdmin, moment, refusal_words, user_of
from crm.core.admin_list import OneFilter, TooShort, pick
from crm.core.display import plain_text
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.site import site

SHOWN = 20
STATE_TONES = {"in_force": "danger", "lifted": "none"}


class StateFilter(OneFilter):
    """Those in force, or those that were lifted."""

    title = "state"
    parameter_name = "state"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [("in_force", "In force"), ("lifted", "Lifted")]

    def condition(self, request: HttpRequest, picked: list[str]) -> models.Q:
        return models.Q(lifted_at__isnull="in_force" in picked)


@admin.register(Suppression, site=site)
class SuppressionAdmin(RecordAdmin):
    """Who is not to be contacted, why, and since when. Nobody edits one: it is lifted, and a new one is noted."""

    list_display = ("shown_names", "shown_reason", "shown_scope", "shown_since", "by", "shown_state")
    list_display_links = ("shown_names",)
    list_title = "Do Not Contact (DNC)"
    list_select_related = ("by",)
    sortable = {}
    named_filters: ClassVar[dict[str, dict[str, str]]] = {"In force": {"state": "in_force"}}
    filters = (
        StateFilter,
        pick("reason", "reason", reason_choices),
        pick("covers", "scope", lambda: Suppression.Scope.choices),
    )
    search_help_text = "Email, LinkedIn URL, phone or domain, in any form"
    empty_title = "Nobody is under Do Not Contact (DNC)"
    empty_hint = "Close a lead as do not contact, or add an address here."

    def search(self, queryset: models.QuerySet[Any], term: str) -> models.QuerySet[Any]:
        """Whatever names or covers the address: the domain above it and the hash of an erased person too."""
        wanted = name_any(term)
        if not wanted:
            raise TooShort("Type a whole email, LinkedIn URL, phone number or domain")
        return queryset.filter(pk__in=named_in(wanted))

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """The addresses of this page's rows, in one query."""
        models.prefetch_related_objects(rows, "keys")

    # --- pages of our own ---------------------------------------------------------------------------------------------

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was said stays on record: it is lifted."""
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Note somebody, by an address alone."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        at = moment(request)
        form = SuppressForm(request.POST or None, at=at, initial=request.GET.dict())
        if request.method == "POST" and form.is_valid():
            try:
                made = suppress(actor=user_of(request), at=at, via="admin", came_from="Noted by hand", **form.values())
            except Refused as refused:
                form.take(refused)
            else:
                messages.success(request, _told(made.new, made.unplanned))
                return HttpResponseRedirect(self.page_address(made.suppressions[0].pk))
        context = {"title": "Do not contact", "form": form, "back": self.list_address()}
        return self.page(request, "admin/activities/suppression/add.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One of them, whom it covers, what went against it; posted to, it is lifted."""
        found = self.get_object(request, object_id)
        if found is None:
            raise Http404("There is no such record.")
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        form = LiftForm(request.POST or None)
        if request.method == "POST":
            try:
                said = request.POST.get("reason", "")
                lift(found, actor=user_of(request), at=moment(request), via="admin", reason=said)
            except Refused as refused:
                if refused.code == "forbidden":
                    raise PermissionDenied(refused.message) from refused
                form.add_error("reason", refusal_words(refused))
            else:
                messages.success(request, "Lifted. They may be contacted again, unless something else is in force.")
                return HttpResponseRedirect(self.page_address(found.pk))
        keys = list(found.keys.order_by("kind", "pk"))
        terms = terms_of(found)
        context = {
            "title": names_of(keys),
            "subtitle": None,
            "suppression": found,
            "original": found,
            "keys": keys,
            "covered": [
                *_rows("leads.Lead", leads_covered(terms, most=SHOWN + 1)),
                *_rows("accounts.Contact", contacts_covered(terms, most=SHOWN + 1)),
            ],
            "violations": list(found.violations.select_related("by", "lead", "contact").newest_first()[:SHOWN]),
            "lift_form": form,
            "may_lift": found.lifted_at is None and may(user_of(request), "lift", found),
            "back": self.list_address(),
        }
        status = 200 if not form.is_bound or not form.errors else 400
        return self.page(request, "admin/activities/suppression/change.html", context, status=status)

    def page(self, request: HttpRequest, name: str, context: dict[str, Any], *, status: int = 200) -> TemplateResponse:
        """One of our own pages, under the list's name."""
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "list_title": self.list_title}
        return TemplateResponse(request, name, shared | context, status=status)

    def list_address(self) -> str:
        """The list of those in force."""
        return f"{reverse('admin:activities_suppression_changelist')}?state=in_force"

    # --- columns ------------------------------------------------------------------------------------------------------

    @admin.display(description="who")
    def shown_names(self, suppression: Any) -> str:
        """What names them."""
        return names_of(suppression.keys.all())

    @admin.display(description="reason")
    def shown_reason(self, suppression: Any) -> str:
        """The handbook's label."""
        return str(suppression.reason_label)

    @admin.display(description="covers")
    def shown_scope(self, suppression: Any) -> str:
        """The person, the domain, an address, a channel."""
        return str(suppression.get_scope_display())

    @admin.display(description="since")
    def shown_since(self, suppression: Any) -> str:
        """When it began, in the reader's zone."""
        return plain_text(suppression.since)

    @display(description="state", label=STATE_TONES)  # type: ignore[untyped-decorator]
    def shown_state(self, suppression: Any) -> tuple[str, str]:
        """Whether it is in force."""
        return ("lifted", "Lifted") if suppression.lifted_at else ("in_force", "In force")


def names_of(keys: Any) -> str:
    """What names somebody, in one line; of an erased person, that they were."""
    return ", ".join(dict.fromkeys(str(one) for one in keys)) or "Nobody"


def _told(new: int, unplanned: int) -> str:
    """What suppressing did."""
    said = "Noted: they are not to be contacted." if new else "That is in force already."
    touches = "1 planned touch was" if unplanned == 1 else f"{unplanned} planned touches were"
    return f"{said} {touches} taken out of the calendar." if unplanned else said


def _rows(label: str, ids: list[int]) -> list[dict[str, Any]]:
    """The records of a kind that is above this app, with the address of each one's page."""
    kind = apps.get_model(label)
    meta = kind._meta
    found = kind._default_manager.in_bulk(ids[:SHOWN])
    rows = [
        {"record": found[pk], "url": reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[pk])}
        for pk in ids[:SHOWN]
        if pk in found
    ]
    return [{"title": str(meta.verbose_name_plural), "rows": rows, "more": len(ids) > SHOWN}] if rows else []
