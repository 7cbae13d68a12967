"""What was sent to a webhook, over the API: `/api/v1/webhooks/{id}/messages/`, each with its tries."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, cast

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from django.urls import URLPattern, re_path
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.api.queries import Reading, Words
from crm.core.api.serializers import RecordSerializer
from crm.core.api.views import ApiView, RecordViewSet, record_id
from crm.core.api.writes import VIA
from crm.sync.models import Webhook, WebhookMessage
from crm.sync.webhooks.again import redeliver

RESOURCE = "webhooks"
MOST_TRIES = 100
ID: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
TEXT: dict[str, Any] = {"type": "string"}
TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
PLAIN: dict[str, Any] = {
    "id": ID,
    "message_id": {**TEXT, "description": "The header webhook-id: the same at every try."},
    "event": {**TEXT, "description": "The type that the message names: records.changed or test."},
    "state": {"type": "string", "enum": [*WebhookMessage.State.values]},
    "attempts": COUNT,
    "made_at": TIME,
    "ended_at": {**TIME, "type": ["string", "null"]},
}
MESSAGE: dict[str, Any] = {"type": "object", "required": [*PLAIN], "properties": PLAIN}
TRY: dict[str, Any] = {
    "at": TIME,
    "status": {"type": ["integer", "null"], "description": "Of the answer; null where none came."},
    "error": {**TEXT, "description": "Why it was not delivered; empty where it was."},
    "answer": {**TEXT, "description": "The first of what the other side said."},
    "milliseconds": COUNT,
}
WHOLE: dict[str, Any] = {
    "type": "object",
    "required": [*PLAIN, "body", "tries"],
    "properties": {
        **PLAIN,
        "body": {"type": "object", "description": "What it says."},
        "tries": {"type": "array", "items": {"type": "object", "required": [*TRY], "properties": TRY}},
    },
}


def told(message: WebhookMessage) -> dict[str, Any]:
    """A message without what it says."""
    return {name: getattr(message, name) for name in PLAIN}


class MessageFilters(django_filters.FilterSet):
    """What messages are found by."""

    state = Words("state", lambda: WebhookMessage.State.choices, help_text="One or more states, between commas.")


class MessageSerializer(RecordSerializer):
    """One message to a webhook."""

    model = WebhookMessage
    names: ClassVar[Mapping[str, str]] = {name: name for name in PLAIN}
    writable: ClassVar[Collection[str]] = ()


@extend_schema_view(
    list=extend_schema(operation_id="webhooks_messages", description="What was sent, of the last 30 days."),
    retrieve=extend_schema(operation_id="webhooks_message", responses=cast("Any", {200: WHOLE})),
)
class Messages(RecordViewSet):
    """What was sent to one webhook, the newest first."""

    resource = RESOURCE
    model = WebhookMessage
    serializer_class = MessageSerializer
    filterset_class = MessageFilters
    http_method_names = ["get", "head", "options"]
    # One is told with its body and tries, and has no version.
    whole = True

    @property
    def reading(self) -> Reading:
        """How messages are listed: they have no version and no time of change."""
        found = Reading(self.serializer_class.columns(), self.filterset_class)
        found.orderings = {"id": ("id",), "-id": ("-id",)}
        return found

    def rows(self) -> QuerySet[Any]:
        """Those of the webhook in the address."""
        number = record_id(self.kwargs["webhook"])
        if not Webhook.objects.filter(pk=number).exists():
            raise Http404
        return WebhookMessage.objects.filter(webhook=number)

    def list(self, request: Request, webhook: str = "") -> Response:
        """A page of them."""
        return super().list(request)

    def retrieve(self, request: Request, pk: str, webhook: str = "") -> Response:
        """One message with what it says, and its latest tries, the last first."""
        self.see()
        self.no_query()
        message = self.rows().filter(pk=record_id(pk)).first()
        if message is None:
            raise Http404
        tries = message.tries.values(*TRY)[:MOST_TRIES]
        return Response({**told(message), "body": json.loads(message.body), "tries": [*tries]})


class Redeliver(ApiView):
    """`POST webhooks/{id}/messages/{id}/redeliver/`."""

    resource = RESOURCE
    scopes: ClassVar[Mapping[str, str]] = {"act": "write"}
    action_of_method: ClassVar[Mapping[str, str]] = {"POST": "act"}

    @extend_schema(
        operation_id="webhooks_message_redeliver",
        description="Send a message again that arrived or was given up, under the same id, byte for byte the same.",
        request=cast("Any", {"application/json": {"type": "object", "additionalProperties": False}}),
        responses=cast("Any", {202: MESSAGE}),
    )
    def post(self, request: Request, webhook: str, pk: str) -> Response:
        """Send it again; the answer is the message as it waits."""
        self.no_query()
        self.fields()
        rows = WebhookMessage.objects.select_related("webhook__user")
        message = rows.filter(webhook=record_id(webhook), pk=record_id(pk)).first()
        if message is None:
            raise Http404
        return Response(told(redeliver(message, actor=self.actor, at=self.at, via=VIA)), status=202)


ALL = "^webhooks/(?P<webhook>[^/]+)/messages"
addresses: list[URLPattern] = [
    re_path(f"{ALL}/?$", Messages.as_view({"get": "list"}), name="webhooks-messages"),
    re_path(f"{ALL}/(?P<pk>[^/]+)/?$", Messages.as_view({"get": "retrieve"}), name="webhooks-message"),
    re_path(f"{ALL}/(?P<pk>[^/]+)/redeliver/?$", Redeliver.as_view(), name="webhooks-message-redeliver"),
]
