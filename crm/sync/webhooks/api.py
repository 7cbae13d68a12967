"""Webhooks over the API: `/api/v1/webhooks/`, for the keys of administrators."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar

import django_filters
from django.db.models import Count, Q, QuerySet

from crm.core.api.problems import Flaw, not_there
from crm.core.api.queries import RecordFilters, Words
from crm.core.api.scopes import declare_right, declare_scopes
from crm.core.api.serializers import READ, RecordSerializer
from crm.core.api.views import RecordViewSet
from crm.core.api.writes import VIA
from crm.core.errors import Refused, Stale
from crm.people.models import User
from crm.sync.models import Webhook, WebhookMessage, WebhookQueue
from crm.sync.webhooks.rules import faults
from crm.sync.webhooks.services import add_webhook, stop_webhook

RESOURCE = "webhooks"
declare_scopes(
    RESOURCE,
    read="See which other systems are told of changes, and what was sent to them",
    write="Let other systems be told of changes, pause and stop them, and send again",
)
for _scope in ("read", "write"):
    declare_right(f"{RESOURCE}:{_scope}", lambda user: user.is_administrator)

STATES = ("active", "paused", "stopped", "idle")
State = WebhookMessage.State


class OfState(Words):
    """Webhooks that stand so now."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("state", lambda: [(one, one) for one in STATES], **kwargs)

    def filter(self, qs: QuerySet[Webhook], value: Any) -> QuerySet[Webhook]:
        """Those of one of these states."""
        going = Q(stopped_at=None)
        told = going & Q(paused_at=None)
        meant = {
            "active": told & Q(user__is_active=True),
            "idle": told & Q(user__is_active=False),
            "paused": going & Q(paused_at__isnull=False),
            "stopped": ~going,
        }
        wanted = Q()
        for one in value or ():
            wanted |= meant[one]
        return qs.filter(wanted)


class WebhookFilters(RecordFilters):
    """What webhooks are found by."""

    state = OfState(help_text="One or more of active, paused, stopped, idle (its user is deactivated), between commas.")
    name = django_filters.CharFilter(field_name="name", lookup_expr="iexact", help_text="The one of this name.")


class WebhookSerializer(RecordSerializer):
    """Another system that is told when records change."""

    model = Webhook
    names: ClassVar[Mapping[str, str]] = {
        **READ,
        "name": "name",
        "url": "url",
        "user_id": "user",
        "objects": "objects_told",
        "events": "events",
        "fields": "fields",
        "filter": "filter",
        "paused_at": "paused_at",
        "paused_because": "paused_because",
        "stopped_at": "stopped_at",
        "old_secret_until": "old_until",
        "made_by_id": "made_by",
    }
    writable: ClassVar[Collection[str]] = ("name", "url", "user_id", "objects", "events", "fields", "filter")
    needed: ClassVar[Collection[str]] = ("name", "url", "user_id", "objects", "events")

    def judge(self, values: dict[str, Any]) -> Iterable[Flaw]:
        """What a webhook's own rules say of it, as it would be."""
        meant = copy.copy(self.instance) if self.instance is not None else Webhook(salt="-")
        if meant.stopped_at is not None:
            raise Refused("stopped", "This webhook is stopped.")
        for name, value in values.items():
            setattr(meant, name, value)
        for one in faults(meant):
            yield Flaw(self.name_of(one.field), one.code, one.message)

    def available(self, kind: Any) -> QuerySet[Any]:
        """Programs as well as people; the rules say which."""
        found: QuerySet[Any] = kind._base_manager.all()
        return found


class WebhookViewSet(RecordViewSet):
    """Webhooks. Deleting one stops it for good: what was sent is still to be seen."""

    resource = RESOURCE
    model = Webhook
    serializer_class = WebhookSerializer
    filterset_class = WebhookFilters
    scopes: ClassVar[Mapping[str, str]] = {"destroy": "write"}
    http_method_names = ["get", "head", "post", "patch", "delete", "options"]
    computed: ClassVar[Mapping[str, Any]] = {
        "state": {"type": "string", "enum": [*STATES], "description": "`idle`: its user is deactivated."},
        "waiting": {"type": "integer", "minimum": 0, "description": "Messages that wait to be sent."},
        "given_up": {
            "type": "integer",
            "minimum": 0,
            "description": "Messages that were given up and are kept.",
        },
        "failures": {"type": "integer", "minimum": 0, "description": "Tries that failed in a row."},
        "failing_since": {"type": ["string", "null"], "format": "date-time"},
        "next_try_at": {"type": ["string", "null"], "format": "date-time"},
    }

    def compute(self, rows: list[dict[str, Any]]) -> None:
        """How each stands now."""
        ids = [row["id"] for row in rows]
        stored = {one.pk: one for one in Webhook.objects.filter(pk__in=ids).select_related("user")}
        queues = {one.pk: one for one in WebhookQueue.objects.filter(pk__in=ids)}
        counted = WebhookMessage.objects.filter(webhook__in=ids).order_by().values_list("webhook")
        counts = {
            pk: (waiting, given_up)
            for pk, waiting, given_up in counted.annotate(
                waiting=Count("pk", filter=Q(state=State.WAITING)), failed=Count("pk", filter=Q(state=State.FAILED))
            )
        }
        for row in rows:
            webhook, queue = stored[row["id"]], queues.get(row["id"])
            row["state"] = webhook.state(self.at)
            row["waiting"], row["given_up"] = counts.get(row["id"], (0, 0))
            row["failures"] = queue.failures if queue else 0
            row["failing_since"] = queue.failing_since if queue else None
            row["next_try_at"] = queue.next_at if queue and row["state"] == "active" else None

    def store(self, values: dict[str, Any]) -> int:
        """Add it by its service. Its secret is asked for by itself: an answer to a POST may be kept."""
        webhook, _ = add_webhook(
            name=values["name"],
            url=values["url"],
            user=User.objects.get(pk=values["user_id"]),
            objects=values["objects_told"],
            events=values["events"],
            fields=values.get("fields", ()),
            filter=values.get("filter", ""),
            actor=self.actor,
            at=self.at,
            via=VIA,
        )
        return webhook.pk

    def remove(self, pk: int, known: Any) -> None:
        """Stop it for good."""
        webhook = Webhook.objects.filter(pk=pk).first()
        if webhook is None:
            raise not_there(Webhook, pk)
        if known is not None and not known.allows(webhook.pk, webhook.version):
            raise Stale(f"{webhook} was changed by somebody else since you read it.")
        version = webhook.version if known is not None else None
        stop_webhook(webhook, actor=self.actor, at=self.at, via=VIA, version=version)
