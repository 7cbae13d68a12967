"""System checks: what keeps notices from leaving this server, and what to do about it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Info, Warning, register

from crm import handbook
from crm.core.outbound import is_allowed
from crm.notifications.rules import rooms_without_address, unknown_rooms

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@register("notifications", deploy=True)
def check_email(**kwargs: Any) -> list[CheckMessage]:
    """notifications.I001, W001: a mail server, and a password that is not sent for all to read."""
    if not settings.SENDS_EMAIL:
        hint = "Set EMAIL_URL, as in smtp+tls://user:password@mail.example.com:587, and DEFAULT_FROM_EMAIL."
        return [
            Info("No email leaves this server: people are told by the bell alone.", hint=hint, id="notifications.I001")
        ]
    bare = settings.EMAIL_HOST_PASSWORD and not (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL)
    if bare and settings.EMAIL_HOST not in LOOPBACK:
        hint = "Begin EMAIL_URL with smtp+tls:// or smtp+ssl://."
        return [Warning("The mail server's password is sent without encryption.", hint=hint, id="notifications.W001")]
    return []


@register("notifications", deploy=True)
def check_rooms(**kwargs: Any) -> list[CheckMessage]:
    """notifications.I002, W002, W003: the rooms of the handbook have addresses, and those may be asked."""
    found: list[CheckMessage] = []
    try:
        missing, unknown = rooms_without_address(), unknown_rooms()
    except handbook.HandbookError:
        return []  # told by its own check
    if missing:
        rooms = ", ".join(room.key for room in missing)
        hint = "Name it in CHAT_WEBHOOKS, as in response_times=https://hooks.example.com/services/…."
        found.append(Info(f"No chat message is sent into: {rooms}.", hint=hint, id="notifications.I002"))
    if unknown:
        hint = "Rooms are under notices.chats of the handbook."
        what = f"CHAT_WEBHOOKS names rooms that the handbook does not have: {', '.join(unknown)}."
        found.append(Warning(what, hint=hint, id="notifications.W002"))
    for key, address in sorted(settings.CHAT_WEBHOOKS.items()):
        if address.startswith("http://") and not is_allowed(urlsplit(address).hostname or ""):
            hint = "Use https, or name its host in OUTBOUND_PRIVATE_HOSTS if it is on the own network."
            what = f"The address of the room {key} is not encrypted: nothing is sent there."
            found.append(Warning(what, hint=hint, id="notifications.W003"))
    return found


@register("notifications", deploy=True)
def check_public_url(**kwargs: Any) -> list[CheckMessage]:
    """notifications.W004: links in messages lead to a host that this server answers for."""
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    served = [one.lower() for one in settings.ALLOWED_HOSTS]
    if host in served or any(one.startswith(".") and f".{host}".endswith(one) for one in served):
        return []
    hint = "Set PUBLIC_URL to the address people use, as in https://crm.example.com."
    return [
        Warning(f"Links in messages lead to {host}, which is not in ALLOWED_HOSTS.", hint=hint, id="notifications.W004")
    ]
