"""Sources of enquiries in the admin: administrators let other systems send, and see what came."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from unfold.decorators import display

from crm.core.admin import moment, user_of
from crm.core.admin_list import OneFilter
from crm.core.admin_told_once import ToldOnceAdmin
from crm.core.display import plain_text
from crm.enquiries.hooks import pages
from crm.enquiries.hooks.forms import NewSourceForm, SourceForm
from crm.enquiries.hooks.sources import add_source
from crm.enquiries.models import Received, Source
from crm.people.models import SYSTEM_EMAIL, User
from crm.site import site

STATES = {"active": "Active", "idle": "User deactivated", "stopped": "Stopped"}
TONES = {"active": "success", "idle": "warning", "stopped": "danger"}
SHOWN = 50


class StateFilter(OneFilter):
    """Sources that work, or those that do not any more."""

    title = "state"
    parameter_name = "state"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return list(STATES.items())

    def condition(self, request: HttpRequest, picked: list[str]) -> models.Q:
        works = models.Q(stopped_at=None)
        known = {
            "active": works & models.Q(user__is_active=True),
            "idle": works & models.Q(user__is_active=False),
            "stopped": ~works,
        }
        return known.get(picked[0], models.Q()) if picked else models.Q()


@admin.register(Source, site=site)
class SourceAdmin(ToldOnceAdmin):
    """Sources. What one sends is settled when it is made; its secret is exchanged, and it is stopped for good."""

    form = SourceForm
    list_display = ("name", "shown_kind", "shown_channel", "user", "shown_state", "shown_used")
    list_select_related = ("user",)
    list_title = "Sources of enquiries"
    ordering = ("name",)
    sortable = {}
    page_related = ("user",)
    filters = (StateFilter,)
    fieldsets = ((None, {"fields": ("name", "channel")}),)
    add_fieldsets = ((None, {"fields": ("name", "kind", "channel", "user")}),)
    empty_title = "No sources yet"
    empty_hint = "A chat tool or a calendar tool sends its enquiries here, signed with a secret of its own."

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A new source also gets its kind and its user."""
        if obj is None:
            kwargs["form"] = NewSourceForm
        return super().get_form(request, obj, change=change, **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Service accounts, except Plumb's own."""
        if db_field.name == "user":
            kwargs["queryset"] = User.objects.filter(is_active=True, is_service=True).exclude(email=SYSTEM_EMAIL)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def make(self, request: HttpRequest, obj: Any, form: Any) -> tuple[Any, str]:
        """Store a new source by its service."""
        return add_source(
            name=obj.name,
            kind=obj.kind,
            channel=obj.channel,
            user=obj.user,
            actor=user_of(request),
            at=moment(request),
            via="admin",
        )

    def show_once(self, request: HttpRequest, obj: Any, secret: str) -> HttpResponse:
        """The one page that shows it."""
        return pages.show_once(request, obj, secret)

    def get_urls(self) -> list[URLPattern]:
        """Another secret, and stopping, beside the page."""
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/rotate/", view(pages.rotate), name="enquiries_source_rotate"),
            path("<int:pk>/stop/", view(pages.stop), name="enquiries_source_stop"),
            *super().get_urls(),
        ]

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Where it sends, whether it works, and what came last."""
        at = moment(request)
        state = obj.state(at)
        return {
            "source": obj,
            "address": pages.address_of(request, obj),
            "state_label": STATES[state],
            "tone": TONES[state],
            "two_secrets": obj.has_two_secrets(at),
            "received": [_row(one) for one in Received.objects.filter(source=obj)[:SHOWN]],
            "shown_most": SHOWN,
        }

    @admin.display(description="sends")
    def shown_kind(self, source: Any) -> str:
        """What it sends."""
        return str(source.get_kind_display())

    @admin.display(description="channel")
    def shown_channel(self, source: Any) -> str:
        """The handbook's label."""
        return str(source.get_channel_display())

    @display(description="state", label=TONES)  # type: ignore[untyped-decorator]
    def shown_state(self, source: Any) -> tuple[str, str]:
        """Whether it works."""
        return source.shown_state, STATES[source.shown_state]

    @admin.display(description="last used")
    def shown_used(self, source: Any) -> str:
        """When it last sent, to the minute."""
        return plain_text(source.last_used_at) if source.last_used_at else "Never"

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """Whether each works at this moment."""
        for row in rows:
            row.shown_state = row.state(moment(request))


def _row(received: Received) -> dict[str, Any]:
    """A message as it is listed: what became of it, or why it was refused."""
    answer = received.answer if isinstance(received.answer, dict) else {}
    refused = received.status >= 400
    said = str(answer.get("detail", "")) if refused else str(answer.get("outcome", "")).replace("_", " ").capitalize()
    moved = answer.get("lead_move") or {}
    return {
        "message_id": received.message_id,
        "at": received.at,
        "refused": refused,
        "said": said or json.dumps(answer),
        "why": moved.get("why", "") if isinstance(moved, dict) else "",
        "enquiry": answer.get("enquiry"),
    }
