"""What somebody was told and has not read goes to whoever takes over from them."""

from __future__ import annotations

from crm.core.paging import capped_count, count_words
from crm.notifications.models import Notification
from crm.people.leaving import Ending, Leaving, ends
from crm.people.models import User


def said(user: User) -> str:
    """How many there are."""
    count = capped_count(Notification.objects.filter(to=user).unread())
    return (
        f"{count_words(count)} unread notification{'s' if count > 1 else ''}: the colleague gets them" if count else ""
    )


def pass_on(leaving: Leaving) -> None:
    """Tell the heir what they do not know yet, and put it aside for who left."""
    unread = Notification.objects.filter(to=leaving.user).unread()
    if leaving.heir is not None:
        told = [
            Notification(
                to=leaving.heir,
                kind=one.kind,
                key=one.key,
                title=one.title,
                text=one.text,
                address=one.address,
                at=one.at,
            )
            for one in unread
        ]
        Notification.objects.bulk_create(told, ignore_conflicts=True, batch_size=2000)
    unread.update(read_at=leaving.at)


ends(Ending(said, pass_on))
