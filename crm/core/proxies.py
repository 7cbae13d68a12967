"""Where a request comes from, as far as that can be believed."""

from __future__ import annotations

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The address of who asks; behind a proxy that is trusted (`TRUST_PROXY_HEADERS`), the one that it saw.

    That is the last in X-Forwarded-For: those before it are what the client said of itself.
    """
    if settings.SECURE_PROXY_SSL_HEADER is not None:
        seen = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2].strip()
        if found := _without_port(seen):
            return found
    return str(request.META.get("REMOTE_ADDR", ""))


def _without_port(text: str) -> str:
    """The address in `203.0.113.7`, `203.0.113.7:1234` or `[2001:db8::1]:1234`; empty for anything else."""
    host, _, port = text.rpartition(":")
    bare = host.strip("[]") if port.isdecimal() and (host.startswith("[") or ":" not in host) else text
    try:
        return str(ip_address(bare))
    except ValueError:
        return ""
