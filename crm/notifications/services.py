"""Telling people: one row for each person and cause, whatever happens twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from crm.core.errors import Refused
from crm.core.permissions import may
from crm.notifications.models import Notification
from crm.people.models import User


@dataclass(frozen=True, slots=True)
class Notice:
    """What one person is told. `key` names the cause: the same one is told once. `address` is a path of this server."""

    to_id: int
    kind: str
    key: str
    title: str
    text: str = ""
    address: str = ""


def notify(notices: Iterable[Notice], *, at: datetime) -> None:
    """Store them; what somebody was told already is not told again."""
    rows = [
        Notification(
            to_id=one.to_id,
            kind=one.kind,
            key=one.key[:255],
            title=one.title[:255],
            text=one.text,
            address=one.address[:500],
            at=at,
        )
        for one in notices
    ]
    Notification.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)


def put_aside(notification: Notification, *, actor: User, at: datetime) -> None:
    """Read it: it leaves the bell. Twice is no mistake.

    Raises:
        Refused: `forbidden`, when it is somebody else's.
    """
    if not may(actor, "change", notification):
        raise Refused("forbidden", "This was told to somebody else.")
    Notification.objects.unread().filter(pk=notification.pk).update(read_at=at)


def put_all_aside(*, actor: User, at: datetime) -> int:
    """Read everything that waits for this person up to now; how many they were."""
    return Notification.objects.unread().filter(to=actor, at__lte=at).update(read_at=at)
