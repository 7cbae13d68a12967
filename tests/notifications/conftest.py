"""Servers that messages go to, and the rooms and the mail server set to them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.notifications.servers import Mailbox, Room, chat_server, mail_server


def use_mail_server(settings: Settings, port: int) -> None:
    """Send email to this port of this machine, and over the net, whatever Django's test runner has set."""
    settings.SENDS_EMAIL = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 5
    settings.DEFAULT_FROM_EMAIL = "Plumb <plumb@crm.example.com>"


@pytest.fixture(autouse=True)
def _public(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://crm.example.com"
    settings.CHAT_WEBHOOKS = {}
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]


@pytest.fixture
def mailbox(settings: Settings) -> Iterator[Mailbox]:
    """A mail server, which is the one that is set."""
    with mail_server() as box:
        use_mail_server(settings, box.port)
        yield box


@pytest.fixture
def room(settings: Settings) -> Iterator[Room]:
    """A chat server, which is the room of response times."""
    with chat_server() as here:
        settings.CHAT_WEBHOOKS = {"response_times": here.address}
        yield here
