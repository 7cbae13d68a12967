"""What the benchmarks of pages share: a browser that is logged in, and the time and the statements of one request."""

from __future__ import annotations

from collections.abc import Callable

from _measure import seconds, use_database
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crm.people.models import User

# Asks for one page, and fails where it is not the page that was meant.
Ask = Callable[[Client], object]


def answer_here() -> None:
    """Let this process answer its own requests, without the HTTPS that a production asks for."""
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.SECURE_SSL_REDIRECT = False


def log_in(name: str) -> Client:
    """A manager's browser, in that database."""
    use_database(name)
    client = Client()
    manager = User.objects.create_user("manager@bench.example", role="manager")
    client.force_login(manager, backend="crm.people.backends.EmailBackend")
    return client


def timer(client: Client, name: str, ask: Ask) -> Callable[[], float]:
    """Measures one request; connecting and the first, cold one are not part of it."""

    def measure() -> float:
        use_database(name)
        ask(client)
        return seconds(lambda: ask(client))

    return measure


def count_queries(client: Client, name: str, ask: Ask) -> int:
    """How many statements a warm request asks."""
    use_database(name)
    ask(client)
    with CaptureQueriesContext(connection) as asked:
        ask(client)
    return len(asked)
