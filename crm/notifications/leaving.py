"""What somebody was told and has not read goes to whoever takes over from them."""

from __future__ import annotations

from crm.core.paging import capped_count, count_words
from crm.notifications.models import Delivery, Notification
from crm.notifications.storing import Message, add_deliveries
from crm.people.leaving import Ending, Leaving, ends
from crm.people.models import User


def said(user: User) -> str:
    """How many there are."""
    count = capped_count(Notification.objects.filter(to=user).unread())
    return (
        f"{count_words(count)} unread notification{'s' if count > 1 else ''}: the colleague gets them" if count else ""
    )


def pass_on(leaving: Leaving) -> None:
    """Tell the heir what they do not know yet, and put it aside for who left. An email that has not left goes to the
    heir; one that has is not sent again."""
    unread = Notification.objects.filter(to=leaving.user).unread()
    waiting = Delivery.objects.waiting().filter(to=leaving.user)
    if leaving.heir is not None:
        heir = leaving.heir.pk
        rows = [
            Notification(
                to_id=heir, kind=one.kind, key=one.key, title=one.title, text=one.text, address=one.address, at=one.at
            )
            for one in unread
        ]
        Notification.objects.bulk_create(rows, ignore_conflicts=True)
        emails = [
            Message("email", one.kind, one.key, heir, "", one.title, one.text, one.address)
            for one in waiting.order_by("key")
        ]
        add_deliveries(emails, at=leaving.at)
    unread.update(read_at=leaving.at)
    waiting.update(state=Delivery.State.DROPPED, last_error=f"{leaving.user} does not work here any more.")


ends(Ending(said, pass_on))
