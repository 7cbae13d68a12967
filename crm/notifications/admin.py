"""Messages that left and those that did not, for administrators. The other pages of notifications belong to no list."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import URLPattern, path
from unfold.decorators import display

from crm import handbook
from crm.core.admin import moment
from crm.core.admin_list import PickFilter, pick
from crm.core.admin_read import ReadAdmin
from crm.core.display import plain_text
from crm.notifications import delivery_pages
from crm.notifications import pages as pages
from crm.notifications.mailing import message_id
from crm.notifications.models import Delivery
from crm.notifications.rules import label_of, room_label
from crm.notifications.troubles import troubles
from crm.site import site

TONES = {"waiting": "info", "sent": "success", "dead": "danger", "dropped": "none"}


def kinds() -> list[tuple[str, str]]:
    """The kinds of the handbook."""
    return [(rule.kind, rule.label) for rule in handbook.current().notices.kinds]


def rooms() -> list[tuple[str, str]]:
    """The rooms of the handbook."""
    return [(room.key, room.label) for room in handbook.current().notices.chats]


class StateFilter(PickFilter):
    """How far they got."""

    title = "state"
    parameter_name = "state"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in Delivery.State.choices]


@admin.register(Delivery, site=site)
class DeliveryAdmin(ReadAdmin):
    """Emails and chat messages, the newest first. A dead end can be tried again, one by one or all that are shown."""

    list_display = ("title", "shown_to", "shown_state", "attempts", "last_error", "shown_made")
    list_select_related = ("to",)
    list_title = "Messages"
    sortable = {}
    page_related = ("to",)
    filters = (
        StateFilter,
        pick("way", "medium", lambda: Delivery.Medium.choices),
        pick("kind", "kind", kinds),
        pick("room", "room", rooms),
    )
    empty_title = "No message has left yet"
    empty_hint = "What people are told by email, and what is written into chat rooms, is listed here."

    def get_urls(self) -> list[URLPattern]:
        """Trying again, before the admin's catch-all."""
        own: list[tuple[str, Any, str]] = [
            ("try-again/", delivery_pages.try_all_again, "tryall"),
            ("<int:pk>/try-again/", delivery_pages.try_one_again, "tryone"),
        ]
        return [
            path(at, self.admin_site.admin_view(view), name=f"notifications_delivery_{name}") for at, view, name in own
        ] + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, with what keeps messages from leaving, and how many were given up."""
        dead = Delivery.objects.given_up()[: delivery_pages.MOST + 1].count()
        context = {
            "troubles": troubles(at=moment(request)),
            "dead": dead,
            "dead_words": f"{delivery_pages.MOST:,} or more" if dead > delivery_pages.MOST else f"{dead:,}",
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What it says, where it went, how often it was tried."""
        return {
            "delivery": obj,
            "recipient": self.shown_to(obj),
            "kind_label": label_of(obj.kind) or obj.kind,
            "identity": message_id(obj) if obj.medium == Delivery.Medium.EMAIL else str(obj.message_id),
            "tone": TONES.get(obj.state, "none"),
        }

    @admin.display(description="to")
    def shown_to(self, delivery: Any) -> str:
        """Whom or which room it is for."""
        return f"Chat: {room_label(delivery.room)}" if delivery.room else f"{delivery.to}"

    @display(description="state", label=TONES)  # type: ignore[untyped-decorator]
    def shown_state(self, delivery: Any) -> tuple[str, str]:
        """How far it got."""
        return delivery.state, delivery.get_state_display()

    @admin.display(description="made")
    def shown_made(self, delivery: Any) -> str:
        """When the notice was made."""
        return plain_text(delivery.made_at)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """The rows, without their texts in a list."""
        rows: models.QuerySet[Any] = super().get_queryset(request)
        match = request.resolver_match
        return rows if match is not None and "object_id" in match.kwargs else rows.defer("text")
