"""Telling people things, each once."""

from __future__ import annotations

from datetime import datetime

from crm.core.text import tidy
from crm.notifications.models import Notification
from crm.people.models import User


def notify(
    *, to: User, kind: str, key: str, title: str, text: str = "", address: str = "", at: datetime
) -> Notification | None:
    """Tell one person one thing. `key` names the cause: a second call for the same cause tells nobody again.

    `address` is the path of the page it is about. Returns None when they were told before.
    """
    longest = Notification._meta.get_field("title").max_length or 0
    rows = Notification.objects.bulk_create(
        [
            Notification(
                to=to, kind=kind, key=tidy(key), title=tidy(title)[:longest], text=tidy(text), address=address, at=at
            )
        ],
        ignore_conflicts=True,
    )
    # What another caller stored for this cause is not ours.
    return Notification.objects.filter(to=to, key=rows[0].key, at=at).first()
