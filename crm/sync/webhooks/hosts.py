"""Hosts that anything may be sent to (L16): administrators allow each by its name."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from crm.core import outbound
from crm.core.errors import Missing
from crm.sync.models import WebhookHost

NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*|\[?[0-9a-f:.]+\]?")
HOST_SHAPE = "A host as hooks.example.com: without https://, port and path."


def plain_host(host: str) -> str:
    """A host as it is compared: in small letters, as the name system has it, without the dot at the end."""
    found = host.strip().lower().rstrip(".").strip("[]")
    try:
        return found if ":" in found else found.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def is_host(host: str) -> bool:
    """Whether this may be a host's name at all."""
    return bool(NAME.fullmatch(plain_host(host)))


def host_of(url: str) -> str:
    """The host that an address leads to; empty for what is no address of the web."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("https", "http") or port == 0 or any(ord(sign) <= 32 for sign in url):
        return ""
    return plain_host(parts.hostname or "")


def wrong_address(url: str) -> Missing | None:
    """Why messages cannot be sent to an address, as far as can be said without asking anybody."""
    host = host_of(url)
    if not host:
        return Missing("invalid_url", "Address: as https://hooks.example.com/plumb.", "url")
    parts = urlsplit(url)
    if parts.username or parts.password:
        return Missing("invalid_url", "Address: without a user and a password; messages are signed.", "url")
    if not f"{parts.path}{parts.query}".isascii():
        return Missing("invalid_url", "Address: with % and two digits for each sign that is not ASCII.", "url")
    if parts.scheme == "http" and not outbound.is_allowed(host):
        return Missing("invalid_url", "Address: https, so that nobody reads along.", "url")
    if why := why_not_host(host):
        return Missing("host_not_allowed", why, "url")
    return None


def why_not_host(host: str) -> str:
    """Why nothing is sent to this host; empty when an administrator allows it."""
    if WebhookHost.objects.filter(host__iexact=host).exists():
        return ""
    return f"{host} is not among the allowed hosts: an administrator has to allow it first."
