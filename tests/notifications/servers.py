"""Servers that messages really go to: one for mail, one for chat, each on a port of this machine."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Mailbox:
    """What a mail server got; `answers` are what it says to a recipient instead of yes."""

    port: int = 0
    got: list[EmailMessage] = field(default_factory=list)
    envelopes: list[list[str]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    before_data: Callable[[], object] = lambda: None

    async def handle_RCPT(  # noqa: N802 - the library's word
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or refuse it."""
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the library's word
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take a message."""
        self.before_data()
        if "DATA" in self.answers:
            return self.answers["DATA"]
        content = envelope.content
        assert isinstance(content, bytes)
        self.got.append(message_from_bytes(content, policy=policy.default))  # type: ignore[arg-type]
        self.envelopes.append(list(envelope.rcpt_tos))
        return "250 OK"


@contextmanager
def mail_server(port: int = 0) -> Iterator[Mailbox]:
    """A mail server that answers until the end."""
    if not port:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    box = Mailbox(port)
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class Room:
    """What a chat server got, and what it answers: a status with headers for each request in turn, then 200."""

    address: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    slow: float = 0.0

    @property
    def texts(self) -> list[str]:
        """What was written, in order."""
        return [one["text"] for one in self.got]

    @property
    def ids(self) -> list[str]:
        """The ids of the messages, in order."""
        return [one["id"] for one in self.got]


@contextmanager
def chat_server(port: int = 0) -> Iterator[Room]:
    """A chat server on this machine until the end."""
    room = Room()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(room.slow)
            status, headers = room.answers.pop(0) if room.answers else (200, {})
            if status == 200:
                headers = {**headers, "Content-Type": "text/plain"}
                sent = json.loads(body)
                # Slack's word for it, or that of the library for other tools.
                text = sent["text"] if "text" in sent else sent["message"]
                room.got.append({"text": text, "id": self.headers["X-Message-Id"], "path": self.path})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"ok" if status == 200 else b"no")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    room.address = f"http://127.0.0.1:{server.server_address[1]}/hooks/secret-token"
    # It looks this often, in seconds, whether it is to end.
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield room
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
