"""The id of a request: answered with it, in each line of the log, in errors, and in the history of what it wrote.

A program may send its own in `X-Request-ID`, so that its log and ours are found by one word; else it is made here.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-ID"
# No longer than history keeps it; nothing that would be more than a word in a log or a header. Those of jobs begin with
# `job-`, and what a job did is found, and undone, by it: so no request is called so.
SHAPE = re.compile(r"(?!job-)[A-Za-z0-9._:/+=-]{1,64}", re.IGNORECASE)
_current: ContextVar[str] = ContextVar("request_id", default="")


def request_id() -> str:
    """The id of the request that is being answered; empty outside of one."""
    return _current.get()


def id_of(given: str | None) -> str:
    """The id that a request sent, or a new one where it sent none that will do."""
    return given if given and SHAPE.fullmatch(given) else str(uuid.uuid4())


class RequestIdMiddleware:
    """Stands before all others, so that whatever answers, the answer has the id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        found = id_of(request.META.get("HTTP_X_REQUEST_ID"))
        request.META["HTTP_X_REQUEST_ID"] = found
        token = _current.set(found)
        try:
            answer = self.get_response(request)
        finally:
            _current.reset(token)
        answer.headers[HEADER] = found
        return answer
