"""A page as one person's browser would get it: through every middleware and the view itself, and without a write.

No session is made and no login is needed: the person is on the request before it is let in, as if they had been read
from a session. The page is rendered in a transaction that the database refuses every write in and that is rolled back;
in a context of its own, so that nothing of it (who acts, what is logged about whom, the time zone) is left behind. No
signal that a request has ended is sent: it would close the connection that the run works on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import structlog
from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIRequest
from django.core.signals import got_request_exception
from django.db import connection
from django.http.request import validate_host

from crm.checkups.looking import read_only, words_of
from crm.core.acting import apart
from crm.people.models import User

READ_ONLY = "25006"
SAID = {
    400: "The server does not take the request (400)",
    403: "They may not see it (403)",
    404: "There is no such page (404)",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking for a page: its text, or in a sentence why it does not open."""

    address: str
    html: str = ""
    problem: str = ""


def show(address: str, person: User, *, at: datetime) -> Answer:
    """The page at an address of this server, as this person is shown it at this moment."""
    return copy_context().run(_show, address, person, at)


def _show(address: str, person: User, at: datetime) -> Answer:
    structlog.contextvars.bind_contextvars(checkup=True)
    request: Any = WSGIRequest(_environ(address))
    request._cached_user, request.moment = person, at
    crashes: list[str] = []
    writes: list[str] = []
    try:
        with apart(), read_only(), _noting_writes(writes), _noting_crashes(request, crashes):
            response: Any = _handler().get_response(request)
            html = "" if response.streaming else response.content.decode(response.charset)
    except Exception as error:
        return Answer(address, problem=_crash(writes, words_of(error)))
    finally:
        request.close()
    if writes or crashes or response.status_code >= 500:
        return Answer(address, problem=_crash(writes, crashes[0] if crashes else str(response.status_code)))
    if 300 <= response.status_code < 400:
        return Answer(address, problem=f"It leads to {urlsplit(response['Location']).path} instead")
    if response.status_code != 200:
        return Answer(address, problem=SAID.get(response.status_code, f"The server answers {response.status_code}"))
    if not response.get("Content-Type", "").startswith("text/html") or not html:
        return Answer(address, problem="It is no page")
    return Answer(address, html)


def _crash(writes: list[str], words: str) -> str:
    return f"It tries to write while it is looked at ({writes[0]})" if writes else f"It crashes ({words})"


# --- the request ------------------------------------------------------------------------------------------------------


def _environ(address: str) -> dict[str, Any]:
    """What a web server would say of the request; by the address that people use, over a safe connection if they do."""
    asked, public = urlsplit(address), urlsplit(settings.PUBLIC_URL)
    safe = public.scheme == "https" or settings.SECURE_SSL_REDIRECT
    host = public.hostname or "localhost"
    if not validate_host(host, settings.ALLOWED_HOSTS):
        # The name that links are written with is not one that the server answers to by itself, but behind a proxy.
        host = next((one.lstrip(".") for one in settings.ALLOWED_HOSTS if one.lstrip(".*")), host)
    port = str(public.port or (443 if safe else 80))
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(asked.path).decode("latin-1"),
        "QUERY_STRING": asked.query,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": host if port in ("80", "443") else f"{host}:{port}",
        "HTTP_ACCEPT": "text/html",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if safe else "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


@lru_cache(maxsize=1)
def _handler() -> BaseHandler:
    """The server's own middleware around its own views, loaded once."""
    handler = BaseHandler()
    handler.load_middleware()
    return handler


# --- what went wrong --------------------------------------------------------------------------------------------------


@contextmanager
def _noting_writes(writes: list[str]) -> Iterator[None]:
    """Note what the database refused since it writes; also where a view goes on as if nothing had been."""

    def note(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        try:
            return execute(sql, params, many, context)
        except Exception as error:
            if getattr(error.__cause__, "sqlstate", "") == READ_ONLY:
                writes.append(" ".join(str(sql).split()[:3]))
            raise

    with connection.execute_wrapper(note):
        yield


@contextmanager
def _noting_crashes(request: Any, crashes: list[str]) -> Iterator[None]:
    """Note the exception that the server turns into its page for errors."""

    def note(sender: Any, request: Any = None, **kwargs: Any) -> None:
        error = sys.exc_info()[1]
        if request is asked and isinstance(error, Exception):
            crashes.append(words_of(error))

    asked = request
    got_request_exception.connect(note, weak=False)
    try:
        yield
    finally:
        got_request_exception.disconnect(note)
