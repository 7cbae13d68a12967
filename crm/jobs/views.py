"""Whether this process lives (`/healthz`) and whether it can serve (`/readyz`)."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse


def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 while it can serve."""
    return JsonResponse({"status": "ok"})
