"""Probes are answered before anything that could keep them from an answer."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from crm.jobs.views import healthz, metrics, readyz

ANSWERS = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}


class ProbeMiddleware:
    """Answers `/healthz`, `/readyz` and `/metrics`.

    A probe names the process by its address, which is no allowed host; and a session's user would be looked up in a
    database that may be gone. So this stands before the session and the check of the host.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = ANSWERS.get(request.path_info)
        if answer is None or request.method not in ("GET", "HEAD"):
            return self.get_response(request)
        response = answer(request)
        response["Cache-Control"] = "no-store"
        return response
