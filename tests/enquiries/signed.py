"""Other systems in tests: sources, and messages signed by the Standard Webhooks library as a sender would."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.test import Client
from django.utils import timezone
from standardwebhooks import Webhook

from crm.enquiries.hooks.sources import add_source
from crm.enquiries.models import Source
from crm.people.models import User
from tests.factories import START

_numbers = itertools.count(1)


def make_source(user: User, *, kind: str = "chat", actor: User | None = None, **values: Any) -> tuple[Source, str]:
    """A source that acts as this service account, and its secret."""
    given = {"name": f"Tool {next(_numbers)}", "channel": "web_chat" if kind == "chat" else "talk_to_expert"}
    administrator = actor or User.objects.filter(role="administrator").first()
    assert administrator is not None
    return add_source(kind=kind, user=user, actor=administrator, at=START, via="test", **{**given, **values})


@dataclass
class Tool:
    """A chat or calendar tool that knows its address and its secret."""

    source: Source
    secret: str

    @property
    def address(self) -> str:
        """Where it sends."""
        return f"/hooks/{self.source.kind}/{self.source.pk}/"

    def headers(self, body: bytes, message_id: str, sent_at: datetime | None = None) -> dict[str, str]:
        """As a sender signs."""
        sent_at = sent_at or datetime.now(UTC)
        signature = Webhook(self.secret).sign(message_id, sent_at, body.decode())
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": signature,
        }

    def send(
        self,
        type: str = "",
        data: Mapping[str, Any] | None = None,
        *,
        at: datetime | None = None,
        message_id: str = "",
        body: bytes | None = None,
        content_type: str = "application/json",
        address: str = "",
        **headers: str,
    ) -> Any:
        """Send one message; `at` is when it happened, by default a moment ago."""
        happened = at or timezone.now() - timedelta(seconds=1)
        if body is None:
            body = json.dumps({"type": type, "timestamp": happened.isoformat(), "data": data or {}}).encode()
        message_id = message_id or f"msg_{next(_numbers)}"
        sent = self.headers(body, message_id) | {name.replace("_", "-"): value for name, value in headers.items()}
        client = Client(raise_request_exception=True)
        return client.generic("POST", address or self.address, body, content_type=content_type, headers=sent)


def tool(user: User, kind: str = "chat", **values: Any) -> Tool:
    """A tool that acts as this service account."""
    return Tool(*make_source(user, kind=kind, **values))
