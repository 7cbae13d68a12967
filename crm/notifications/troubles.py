"""What keeps notices from reaching people, in sentences for administrators."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Min

from crm import handbook
from crm.core.keys import compute_keys
from crm.notifications.models import Delivery
from crm.notifications.rules import rooms_without_address, sends_email, unknown_rooms
from crm.people.models import User

STALE = timedelta(minutes=5)


def troubles(*, at: datetime) -> list[str]:
    """Each in a sentence that says what to do; none when everything leaves."""
    found = []
    if not sends_email():
        found.append("No email is sent: no mail server is set (EMAIL_URL, DEFAULT_FROM_EMAIL).")
    for room in rooms_without_address():
        found.append(
            f"Nothing is written into the chat room “{room.label}”: CHAT_WEBHOOKS has no address for {room.key}."
        )
    if unknown := unknown_rooms():
        found.append(f"CHAT_WEBHOOKS names rooms that the handbook does not have: {', '.join(unknown)}.")
    if strangers := unknown_people():
        found.append(f"The handbook's policies escalate to people who are not here: {', '.join(strangers)}.")
    oldest = Delivery.objects.due().filter(attempts=0).aggregate(since=Min("made_at"))["since"]
    if oldest and at - oldest > STALE:
        found.append("Messages wait and nobody tries to send them: is a worker running?")
    return found


def unknown_people() -> list[str]:
    """Addresses that the policies escalate to and nobody here has; others are told instead."""
    policies = handbook.current().policies
    named = sorted({to for policy in policies for one in policy.escalate for to in one.to if "@" in to})
    if not named:
        return []
    keys = dict(zip(named, compute_keys("email_key", named), strict=True))
    here = set(
        User.objects.active_people().filter(email_key__in=set(keys.values())).values_list("email_key", flat=True)
    )
    return [email for email, key in keys.items() if key not in here]
