"""What is done with a webhook over the API: `POST /api/v1/webhooks/{id}/pause/` and the like, and its secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, cast

from django.http import Http404
from django.urls import URLPattern, re_path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.api.facts import instant
from crm.core.api.problems import Flaw, invalid
from crm.core.api.views import ApiView, record_id
from crm.core.api.writes import VIA
from crm.core.salted import MOST_HOURS, OVERLAP_HOURS
from crm.sync.api_keys import hours_of
from crm.sync.models import Webhook
from crm.sync.webhooks import api_messages
from crm.sync.webhooks.again import preview_replay, redeliver_failed, replay, send_test
from crm.sync.webhooks.api import RESOURCE
from crm.sync.webhooks.api_messages import COUNT, MESSAGE, TIME, told
from crm.sync.webhooks.services import pause_webhook, resume_webhook, rotate_secret

SECRET: dict[str, Any] = {
    "type": "object",
    "required": ["secret", "old_secret_until"],
    "properties": {
        "secret": {"type": "string", "description": "whsec_ and base64: told this once, and kept nowhere."},
        "old_secret_until": {"type": ["string", "null"], "format": "date-time"},
    },
}
STANDING: dict[str, Any] = {
    "type": "object",
    "required": ["id", "version", "state"],
    "properties": {"id": COUNT, "version": COUNT, "state": {"type": "string"}},
}
REPLAYED: dict[str, Any] = {
    "type": "object",
    "required": ["preview"],
    "properties": {
        "preview": {"type": "boolean"},
        "changes": {**COUNT, "description": "Of a preview: so many would be told; counted up to some 10,000."},
        "messages": COUNT,
        "more": {"type": "boolean", "description": "Of a preview: there are more than were counted."},
    },
}
AGAIN: dict[str, Any] = {"type": "object", "required": ["messages"], "properties": {"messages": COUNT}}


def _body(**properties: Any) -> dict[str, Any]:
    return {"application/json": {"type": "object", "additionalProperties": False, "properties": properties}}


REASON = {"reason": {"type": "string", "maxLength": 500}}
HOURS = {
    "type": "integer",
    "minimum": 0,
    "maximum": MOST_HOURS,
    "default": OVERLAP_HOURS,
    "description": "How long messages are signed with the secret of now too.",
}


class Act(ApiView):
    """Something that is done with one webhook."""

    resource = RESOURCE
    scopes: ClassVar[Mapping[str, str]] = {"act": "write"}
    action_of_method: ClassVar[Mapping[str, str]] = {"POST": "act", "PUT": "act"}

    def webhook(self, pk: str) -> Webhook:
        """The webhook of an id."""
        found = Webhook.objects.select_related("user").filter(pk=record_id(pk)).first()
        if found is None:
            raise Http404
        return found

    @property
    def who(self) -> dict[str, Any]:
        """Who does it, when, by which door."""
        return {"actor": self.actor, "at": self.at, "via": VIA}

    def sent(self, *names: str) -> dict[str, Any]:
        """The body, which has these names and no others."""
        self.no_query()
        return self.fields(*names)

    def reason(self) -> str:
        """Why, in a sentence."""
        reason = self.sent("reason").get("reason", "")
        if not isinstance(reason, str) or len(reason) > 500 or "\x00" in reason:
            raise invalid([Flaw("reason", "type", "Send a text of 500 characters at most.")])
        return reason

    def standing(self, webhook: Webhook) -> Response:
        """How it stands afterwards."""
        return Response({"id": webhook.pk, "version": webhook.version, "state": webhook.state(self.at)})


class Secret(Act):
    """`PUT webhooks/{id}/secret/`. No POST: an answer with a secret is not kept to be given again."""

    @extend_schema(
        operation_id="webhooks_secret",
        description=(
            "Give a webhook another secret, told this once; that of a new one is asked for so, with `hours` 0. Messages"
            " are signed with both for `hours`, so that every one is taken while it is exchanged."
        ),
        request=cast("Any", _body(hours=HOURS)),
        responses=cast("Any", {200: SECRET}),
    )
    def put(self, request: Request, pk: str) -> Response:
        """Another secret."""
        hours = hours_of(self.sent("hours"))
        webhook, secret = rotate_secret(self.webhook(pk), hours=hours, **self.who)
        answer = {"secret": secret, "old_secret_until": webhook.old_until}
        return Response(answer, headers={"Cache-Control": "no-store"})


class Pause(Act):
    """`POST webhooks/{id}/pause/`."""

    @extend_schema(
        operation_id="webhooks_pause",
        description="Send nothing until it is resumed; what changes meanwhile is told then.",
        request=cast("Any", _body(**REASON)),
        responses=cast("Any", {200: STANDING}),
    )
    def post(self, request: Request, pk: str) -> Response:
        """Pause it."""
        return self.standing(pause_webhook(self.webhook(pk), reason=self.reason(), **self.who))


class Resume(Act):
    """`POST webhooks/{id}/resume/`."""

    @extend_schema(
        operation_id="webhooks_resume",
        description="Go on where it stood: first what waits, then what changed meanwhile.",
        request=cast("Any", _body(**REASON)),
        responses=cast("Any", {200: STANDING}),
    )
    def post(self, request: Request, pk: str) -> Response:
        """Resume it."""
        return self.standing(resume_webhook(self.webhook(pk), reason=self.reason(), **self.who))


class Test(Act):
    """`POST webhooks/{id}/test/`."""

    @extend_schema(
        operation_id="webhooks_test",
        description="Send a message that says nothing but that it came.",
        request=cast("Any", _body()),
        responses=cast("Any", {202: MESSAGE}),
    )
    def post(self, request: Request, pk: str) -> Response:
        """Send it; the answer is the message as it waits."""
        self.sent()
        return Response(told(send_test(self.webhook(pk), **self.who)), status=202)


class Replay(Act):
    """`POST webhooks/{id}/replay/`."""

    @extend_schema(
        operation_id="webhooks_replay",
        description="Tell again what was recorded at a moment or later; with `preview`, say how much that is.",
        request=cast("Any", _body(since=TIME, preview={"type": "boolean", "default": False})),
        responses=cast("Any", {200: REPLAYED}),
    )
    def post(self, request: Request, pk: str) -> Response:
        """Tell it again, or count."""
        body = self.sent("since", "preview")
        since, preview = instant_of(body.get("since")), body.get("preview", False)
        if not isinstance(preview, bool):
            raise invalid([Flaw("preview", "type", "Send true or false.")])
        webhook = self.webhook(pk)
        if not preview:
            replay(webhook, since, **self.who)
            return Response({"preview": False})
        found = preview_replay(webhook, since, actor=self.actor, at=self.at)
        answer = {"preview": True, "changes": found.changes, "messages": found.messages, "more": found.more}
        return Response(answer)


class RedeliverFailed(Act):
    """`POST webhooks/{id}/redeliver/`."""

    @extend_schema(
        operation_id="webhooks_redeliver",
        description="Send everything again that was given up, each message under its own id.",
        request=cast("Any", _body()),
        responses=cast("Any", {200: AGAIN}),
    )
    def post(self, request: Request, pk: str) -> Response:
        """Send them again; how many they are."""
        self.sent()
        return Response({"messages": redeliver_failed(self.webhook(pk), **self.who)})


def instant_of(value: Any) -> datetime:
    """A time with its offset.

    Raises:
        Problem: 400 for anything else.
    """
    found = instant(value)
    if found is None:
        raise invalid([Flaw("since", "type", "Send a time with its offset, as 2026-03-04T18:00:00Z.")])
    return found


ONE = "^webhooks/(?P<pk>[^/]+)"
addresses: list[URLPattern] = [
    re_path(f"{ONE}/secret/?$", Secret.as_view(), name="webhooks-secret"),
    re_path(f"{ONE}/pause/?$", Pause.as_view(), name="webhooks-pause"),
    re_path(f"{ONE}/resume/?$", Resume.as_view(), name="webhooks-resume"),
    re_path(f"{ONE}/test/?$", Test.as_view(), name="webhooks-test"),
    re_path(f"{ONE}/replay/?$", Replay.as_view(), name="webhooks-replay"),
    re_path(f"{ONE}/redeliver/?$", RedeliverFailed.as_view(), name="webhooks-redeliver"),
    *api_messages.addresses,
]
