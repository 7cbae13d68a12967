"""Messages into the rooms of the company's chat: incoming webhooks as Slack has them, other tools by apprise."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from crm.core import outbound
from crm.core.keys import key_of
from crm.notifications.models import Delivery
from crm.notifications.outcomes import Failure, Outcome
from crm.notifications.rules import link_to, room_address, room_of
from crm.people.models import User

# The message's id, the same for every try; the payload of a webhook has no place for one.
ID_HEADER = "X-Message-Id"
SECONDS = 15.0
LONGEST_WAIT = timedelta(hours=1)
AGAIN = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
# What calls a whole room, when it stands in a name that somebody typed.
CALLS = re.compile(r"@(?=(?:here|channel|all|everyone|room|group)\b)", re.IGNORECASE)


def send(delivery: Delivery) -> Outcome:
    """Write it into its room."""
    address = room_address(delivery.room)
    if not address:
        return Failure("The room has no address (CHAT_WEBHOOKS).", away=True)
    if address.startswith(("https://", "http://")):
        return send_webhook(address, delivery)
    return send_by_apprise(address, delivery)


def text_of(delivery: Delivery) -> str:
    """What the room reads: what it is about, the sentences, where, and who is responsible for the room."""
    room = room_of(delivery.room)
    named = key_of("email_key", room.dri) if room else ""
    responsible = User.objects.active_people().filter(email_key=named).first()
    more = [f"{words}: {link}" if (link := link_to(path)) else words for words, path in delivery.lines]
    lines = [delivery.title, delivery.text, *more, link_to(delivery.address)]
    if room and responsible:
        lines.append(f"Directly Responsible Individual (DRI) for {room.label}: {responsible}")
    return CALLS.sub("@\u200b", "\n".join(line for line in lines if line))


def send_webhook(address: str, delivery: Delivery) -> Outcome:
    """Post it as Slack's incoming webhooks take it; Mattermost, Rocket.Chat and others take the same."""
    # These three signs are all that Slack has written so; a name must not become a mention or a link.
    text = text_of(delivery).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Plumb",
        ID_HEADER: str(delivery.message_id),
    }
    try:
        answer = outbound.post(address, json.dumps({"text": text}).encode(), headers=headers, seconds=SECONDS)
    except outbound.Forbidden as refusal:
        return Failure(str(refusal), final=True)
    except outbound.NoAnswer as silence:
        return Failure(str(silence), away=True)
    return judge(answer.status, answer.headers)


def judge(status: int, headers: Mapping[str, str]) -> Outcome:
    """What a status means for this message. What else the answer says is not kept: it may repeat the address."""
    if 200 <= status < 300:
        return None
    words = f"The chat answers {status}"
    if status in AGAIN or status >= 500:
        return Failure(f"{words}.", away=True, after=wait_asked(headers.get("retry-after", "")))
    if 300 <= status < 400:
        return Failure(f"{words}, a redirect, which is not followed.", final=True)
    return Failure(f"{words}: the room's address is not right, or not any more.", final=True)


def wait_asked(value: str, *, now: datetime | None = None) -> timedelta | None:
    """How long the header Retry-After asks to wait, an hour at most; None when it says nothing that can be read."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value[:9])), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(timedelta(0), min(until - (now or datetime.now(UTC)), LONGEST_WAIT))


def send_by_apprise(address: str, delivery: Delivery) -> Outcome:
    """Give it to the library that knows the other tools; it says yes or no, and no more."""
    plugin = plugin_of(address)
    if plugin is None:
        return Failure("The room's address is of no chat tool that is known here.", final=True)
    try:
        # A tool that runs on a server of somebody's own names it; it is judged like any other.
        if any("{host}" in template for template in plugin.templates):
            outbound.judged(str(plugin.host), int(plugin.port or 443))
    except outbound.Forbidden as refusal:
        return Failure(str(refusal), final=True)
    except outbound.NoAnswer as silence:
        return Failure(str(silence), away=True)
    return None if plugin.notify(body=text_of(delivery)) else Failure("The chat did not take it.", away=True)


def plugin_of(address: str) -> Any:
    """Apprise's own for such an address; None where it knows none."""
    from apprise import Apprise, AppriseAsset  # it reads a hundred and more tools: only who needs it waits for that

    plugin = Apprise.instantiate(address, asset=AppriseAsset(app_id="Plumb", http_redirects=False))
    if plugin is not None:
        plugin.socket_connect_timeout, plugin.socket_read_timeout = outbound.CONNECT_SECONDS, SECONDS
    return plugin
