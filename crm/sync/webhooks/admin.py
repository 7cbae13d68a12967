"""Webhooks in the admin: administrators let other systems be told, allow hosts, and see what was sent."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from unfold.decorators import display

from crm.core.admin import RecordAdmin, moment, user_of
from crm.core.admin_list import OneFilter, PickFilter
from crm.core.admin_read import ReadAdmin
from crm.core.admin_told_once import ToldOnceAdmin
from crm.core.display import plain_text
from crm.core.related import of_record
from crm.core.text import whole_number
from crm.people.models import SYSTEM_EMAIL, User
from crm.site import site
from crm.sync.models import Webhook, WebhookHost, WebhookMessage, WebhookQueue
from crm.sync.webhooks import pages
from crm.sync.webhooks.forms import HostForm, WebhookForm
from crm.sync.webhooks.hosts import host_of, why_not_host
from crm.sync.webhooks.rules import EVENTS
from crm.sync.webhooks.services import add_webhook

STATES = {"active": "Active", "idle": "User deactivated", "paused": "Paused", "stopped": "Stopped"}
TONES = {"active": "success", "idle": "warning", "paused": "warning", "stopped": "danger"}
State = WebhookMessage.State
MESSAGE_TONES = {State.WAITING: "info", State.DELIVERED: "success", State.FAILED: "danger"}
SHOWN = 20


class StateFilter(OneFilter):
    """Webhooks that are told, or those that are not."""

    title = "state"
    parameter_name = "state"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return list(STATES.items())

    def condition(self, request: HttpRequest, picked: list[str]) -> models.Q:
        going = models.Q(stopped_at=None)
        told = going & models.Q(paused_at=None)
        known = {
            "active": told & models.Q(user__is_active=True),
            "idle": told & models.Q(user__is_active=False),
            "paused": going & models.Q(paused_at__isnull=False),
            "stopped": ~going,
        }
        return known.get(picked[0], models.Q()) if picked else models.Q()


@admin.register(Webhook, site=site)
class WebhookAdmin(ToldOnceAdmin):
    """Webhooks. Each is changed, paused and resumed; its secret is exchanged; it is stopped for good."""

    form = WebhookForm
    list_display = ("name", "shown_host", "shown_state", "shown_objects", "shown_waiting", "shown_last")
    list_select_related = ("user",)
    list_title = "Webhooks"
    ordering = ("name",)
    sortable = {}
    page_related = ("user", "made_by")
    filters = (StateFilter, of_record("user", User))
    fieldsets = (
        (None, {"fields": ("name", "url", "user")}),
        ("What it is told", {"fields": ("objects_told", "events", "fields", "filter")}),
    )
    empty_title = "No webhooks yet"
    empty_hint = "Another system is told that records changed by signed messages, and reads them by the API."

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What is stopped stays as it is."""
        return super().has_change_permission(request, obj) and (obj is None or obj.stopped_at is None)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """It is told what programs may see as well as people; Plumb's own account sees nothing for others."""
        if db_field.name == "user":
            kwargs["queryset"] = User.objects.filter(is_active=True).exclude(email=SYSTEM_EMAIL)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Whatever happens to them, unless somebody wants less."""
        return {"events": list(EVENTS)} | super().get_changeform_initial_data(request)

    def make(self, request: HttpRequest, obj: Any, form: Any) -> tuple[Any, str]:
        """Store a new webhook by its service."""
        return add_webhook(
            name=obj.name,
            url=obj.url,
            user=obj.user,
            objects=obj.objects_told,
            events=obj.events,
            fields=obj.fields,
            filter=obj.filter,
            actor=user_of(request),
            at=moment(request),
            via="admin",
        )

    def show_once(self, request: HttpRequest, obj: Any, secret: str) -> HttpResponse:
        """The one page that shows it."""
        return pages.show_once(request, obj, secret)

    def get_urls(self) -> list[URLPattern]:
        """What is done with one, beside its page."""
        view = self.admin_site.admin_view
        own: list[tuple[str, Any]] = [
            ("rotate", pages.rotate),
            ("replay", pages.tell_again),
            ("test", pages.test),
            ("redeliver", pages.send_all_again),
            *((what, partial(pages.ask, what=what)) for what in pages.ASKED),
        ]
        return [
            *(path(f"<int:pk>/{word}/", view(one), name=f"sync_webhook_{word}") for word, one in own),
            *super().get_urls(),
        ]

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Whether it works, what waits, and what was sent last."""
        at = moment(request)
        state = obj.state(at)
        queue = WebhookQueue.objects.filter(webhook=obj).first()
        sent = WebhookMessage.objects.filter(webhook=obj)
        found = list(sent.defer("body").order_by("-id")[:SHOWN])
        return {
            "webhook": obj,
            "state": state,
            "state_label": STATES[state],
            "tone": TONES[state],
            "two_secrets": obj.has_two_secrets(at),
            "queue": queue,
            "waiting": sent.filter(state=State.WAITING)[:1001].count(),
            "given_up": sent.filter(state=State.FAILED)[:1001].count(),
            "host_trouble": "" if state == "stopped" else why_not_host(host_of(obj.url)),
            "sent": [(one, MESSAGE_TONES[State(one.state)]) for one in found],
            "shown_most": SHOWN,
            "verify": pages.VERIFY,
        }

    @admin.display(description="host")
    def shown_host(self, webhook: Any) -> str:
        """Where it leads."""
        return host_of(webhook.url)

    @display(description="state", label=TONES)  # type: ignore[untyped-decorator]
    def shown_state(self, webhook: Any) -> tuple[str, str]:
        """Whether it is told."""
        return webhook.shown_state, STATES[webhook.shown_state]

    @admin.display(description="told of")
    def shown_objects(self, webhook: Any) -> str:
        """Of what."""
        return ", ".join(one.replace("_", " ").capitalize() for one in webhook.objects_told)

    @admin.display(description="waiting")
    def shown_waiting(self, webhook: Any) -> str:
        """How many messages wait; with the failures in a row, where there are any."""
        count = webhook.shown_failures
        failures = f" ({count} {'try' if count == 1 else 'tries'} failed in a row)" if count else ""
        return f"{webhook.shown_waiting:,}{failures}"

    @admin.display(description="last delivered")
    def shown_last(self, webhook: Any) -> str:
        """When a message last arrived."""
        return plain_text(webhook.shown_last) if webhook.shown_last else "Never"

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """How each stands at this moment, asked for all of them at once."""
        ids = [row.pk for row in rows]
        failures = dict(WebhookQueue.objects.filter(pk__in=ids).values_list("pk", "failures"))
        sent = WebhookMessage.objects.filter(webhook__in=ids).order_by().values("webhook")
        waiting = dict(sent.filter(state=State.WAITING).annotate(n=models.Count("pk")).values_list("webhook", "n"))
        delivered = sent.filter(state=State.DELIVERED).annotate(last=models.Max("ended_at"))
        last = dict(delivered.values_list("webhook", "last"))
        for row in rows:
            row.shown_state = row.state(moment(request))
            row.shown_failures = failures.get(row.pk, 0)
            row.shown_waiting = waiting.get(row.pk, 0)
            row.shown_last = last.get(row.pk)


def webhooks_by_host() -> dict[str, list[str]]:
    """The names of the webhooks that are not stopped, by where they are sent."""
    used: dict[str, list[str]] = {}
    for name, url in Webhook.objects.filter(stopped_at=None).order_by("name").values_list("name", "url"):
        used.setdefault(host_of(url), []).append(name)
    return used


@admin.register(WebhookHost, site=site)
class WebhookHostAdmin(RecordAdmin):
    """Hosts that anything may be sent to (L16)."""

    form = HostForm
    list_display = ("host", "note", "shown_used")
    list_title = "Allowed hosts"
    ordering = ("host",)
    sortable = {}
    fieldsets = ((None, {"fields": ("host", "note")}),)
    empty_title = "No host is allowed yet"
    empty_hint = "Webhooks are sent to hosts that an administrator allowed, and to no others."

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        """Ask, with who is sent nothing any more."""
        found = WebhookHost.objects.filter(pk=whole_number(object_id) or 0).first()
        used = webhooks_by_host().get(found.host.lower(), []) if found else []
        said = f"Nothing is sent to {' and '.join(used)} any more: for three days messages wait for it to be allowed."
        told = {"goes_with": said if used else "No webhook is sent there."}
        return super().delete_view(request, object_id, (extra_context or {}) | told)

    @admin.display(description="webhooks")
    def shown_used(self, host: Any) -> str:
        """Which webhooks are sent there."""
        return ", ".join(host.shown_used) or "None"

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """Who is sent where."""
        used = webhooks_by_host()
        for row in rows:
            row.shown_used = used.get(row.host.lower(), [])


class MessageStateFilter(PickFilter):
    """What became of them."""

    title = "state"
    parameter_name = "state"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in State.choices]


@admin.register(WebhookMessage, site=site)
class WebhookMessageAdmin(ReadAdmin):
    """What was sent to webhooks, the newest first; each can be sent again."""

    list_display = ("message_id", "webhook", "shown_state", "event", "attempts", "shown_made")
    list_select_related = ("webhook",)
    list_title = "Messages to webhooks"
    sortable = {}
    page_related = ("webhook__user",)
    filters = (MessageStateFilter, of_record("webhook", Webhook))
    empty_title = "Nothing was sent yet"
    empty_hint = "Messages are kept for 30 days, with what the other side said to each try."

    def get_urls(self) -> list[URLPattern]:
        """Sending again, beside the page."""
        again = self.admin_site.admin_view(pages.send_one_again)
        return [path("<int:pk>/redeliver/", again, name="sync_webhookmessage_redeliver"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """The rows, without what they say in a list."""
        rows: models.QuerySet[Any] = super().get_queryset(request)
        match = request.resolver_match
        return rows if match is not None and "object_id" in match.kwargs else rows.defer("body")

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What it says, and what came of each try."""
        return {
            "message": obj,
            "tone": MESSAGE_TONES[State(obj.state)],
            "body": _lines(obj.body),
            "tries": list(obj.tries.all()[:100]),
            "sendable": obj.state != State.WAITING and obj.webhook.state(moment(request)) == "active",
        }

    @display(description="state", label=MESSAGE_TONES)  # type: ignore[untyped-decorator]
    def shown_state(self, message: Any) -> tuple[str, str]:
        """What became of it."""
        return message.state, message.get_state_display()

    @admin.display(description="made")
    def shown_made(self, message: Any) -> str:
        """When it was made."""
        return plain_text(message.made_at)


def _lines(body: str) -> str:
    """What a message says, each change on a line of its own."""
    found = json.loads(body)
    changes = found.get("data", {}).pop("changes", None)
    text = json.dumps(found, indent=2, ensure_ascii=False)
    if changes is None:
        return text
    listed = ",\n".join(f"      {json.dumps(one)}" for one in changes)
    return text.replace('"data": {', f'"data": {{\n    "changes": [\n{listed}\n    ],', 1)
