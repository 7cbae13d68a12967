"""Servers that webhooks really reach, and what a test does with a webhook."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.db.models import F
from django.utils import timezone

from crm.core.acting import acting
from crm.people.models import User
from crm.sync.models import Webhook, WebhookHost, WebhookMessage, WebhookQueue
from crm.sync.webhooks.delivering import deliver
from crm.sync.webhooks.dispatching import dispatch
from crm.sync.webhooks.services import add_webhook
from leads.models import Lead


@dataclass
class Got:
    """One request as it came."""

    body: bytes
    headers: dict[str, str]
    path: str = "/"
    at: float = 0.0

    @property
    def data(self) -> dict[str, Any]:
        """What the message says."""
        found: dict[str, Any] = json.loads(self.body)["data"]
        return found

    @property
    def changes(self) -> list[tuple[str, int, int, str]]:
        """The changes that it names."""
        return [(one["object"], one["id"], one["version"], one["op"]) for one in self.data["changes"]]


@dataclass
class Receiver:
    """A server that takes messages; `answers` are the statuses with headers it gives in turn, then 204."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    # Set: answered. Until then it hangs.
    free: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/plumb?from=crm"

    @property
    def changes(self) -> list[tuple[str, int, int, str]]:
        """Everything that it was told of, in order."""
        return [one for got in self.got for one in got.changes]


@contextmanager
def receiver(port: int = 0, *, hangs: bool = False) -> Iterator[Receiver]:
    """A server of this machine until the end."""
    here = Receiver()
    if not hangs:
        here.free.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.asked.set()
            here.free.wait(30)
            headers = {name.lower(): value for name, value in self.headers.items()}
            here.got.append(Got(body, headers, self.path, time.monotonic()))
            status, more = here.answers.pop(0) if here.answers else (204, {})
            try:
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"" if status == 204 else b"words of the other side \x00" + b"x" * 10_000)
            except OSError:
                pass  # nobody waits for it any more

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    here.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield here
    finally:
        here.free.set()
        server.shutdown()
        server.server_close()
        thread.join()


def hook(
    at: Receiver | str, actor: User, *, name: str = "Warehouse", objects: Sequence[str] = ("leads",), **more: Any
) -> tuple[Webhook, str]:
    """A webhook of an administrator's to a server of this machine, and its secret."""
    WebhookHost.objects.get_or_create(host="127.0.0.1")
    values = {"user": actor, "events": ("created", "updated", "deleted", "merged", "erased"), **more}
    url = at if isinstance(at, str) else at.url
    return add_webhook(name=name, url=url, objects=objects, actor=actor, at=timezone.now(), via="test", **values)


def go() -> None:
    """A turn of the dispatcher, and one of a worker that sends."""
    while dispatch(at=timezone.now()):
        pass
    deliver(seconds=20)


def later(span: timedelta) -> None:
    """That time passes for what waits."""
    WebhookQueue.objects.update(next_at=F("next_at") - span, leased_until=F("leased_until") - span)


def states(webhook: Webhook) -> list[str]:
    """What became of its messages, the oldest first."""
    return list(WebhookMessage.objects.filter(webhook=webhook).order_by("pk").values_list("state", flat=True))


def change(lead: Lead, by: User, **values: Any) -> Lead:
    """Write some fields of a lead."""
    with acting(actor=by, via="admin", at=timezone.now()):
        for name, value in values.items():
            setattr(lead, name, value)
        lead.save(update_fields=list(values))
    return lead


def call(who: User) -> dict[str, Any]:
    """Who acts, and when."""
    return {"actor": who, "at": timezone.now(), "via": "admin"}
