"""Whether this process lives (`/healthz`), whether it can serve (`/readyz`), and its figures (`/metrics`)."""

from __future__ import annotations

from http import HTTPStatus
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django_prometheus.exports import ExportToDjangoView

from crm.jobs.metrics import operation
from crm.jobs.readiness import report


def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the process answers; it asks nobody else."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """200 while it can serve, 503 without its database or with migrations to apply; the body says what is degraded."""
    found = report(at=timezone.now())
    unavailable = found["status"] == "unavailable"
    return JsonResponse(found, status=HTTPStatus.SERVICE_UNAVAILABLE if unavailable else HTTPStatus.OK)


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus's text, for those it is meant for."""
    if not may_scrape(request):
        return HttpResponse(
            "Metrics need the header “Authorization: Bearer …” with the METRICS_TOKEN of this installation.\n",
            status=HTTPStatus.FORBIDDEN,
            content_type="text/plain; charset=utf-8",
        )
    page: HttpResponse = ExportToDjangoView(request)
    page.content += operation()
    return page


def may_scrape(request: HttpRequest) -> bool:
    """With the token from anywhere; without one configured, from this machine and private networks.

    Never the latter in production: behind a proxy everybody comes from a private address.
    """
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}")
    if settings.PRODUCTION:
        return False
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return address.is_loopback or address.is_private
