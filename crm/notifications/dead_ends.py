"""Messages that nobody got: administrators are told, and may have them tried again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from crm import handbook
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs import wake
from crm.notifications.models import Delivery
from crm.notifications.outcomes import Failure
from crm.notifications.rules import room_label
from crm.notifications.services import Notice, notify
from crm.notifications.storing import TASK
from crm.people.models import User

KIND = "delivery_given_up"
GIVEN_UP = "?state=dead"


def tell_dead_end(delivery: Delivery, failure: Failure) -> None:
    """Tell administrators by the bell, once a day for each room, recipient, or mail server that does not answer."""
    at = timezone.now()
    if delivery.room:
        where, cause = f"the chat room {room_label(delivery.room)}", f"chat:{delivery.room}"
    elif failure.final:
        where, cause = f"{delivery.to} by email", f"email:{delivery.to_id}"
    else:
        where, cause = "people by email", "email"
    day = handbook.current().today(at)
    notify(
        [
            Notice(
                person,
                KIND,
                f"{KIND}:{cause}:{day}",
                f"A message did not reach {where}",
                f"{failure.why} The message: {delivery.title}. Others like it may follow; they can be tried again.",
                reverse("admin:notifications_delivery_changelist") + GIVEN_UP,
            )
            for person in administrators()
        ],
        at=at,
    )


def administrators() -> list[int]:
    """Everybody who runs setup."""
    roles = [role.key for role in handbook.current().roles_with("administrator")]
    return list(User.objects.active_people().filter(role__in=roles).values_list("pk", flat=True))


@transaction.atomic
def try_again(ids: Iterable[int], *, actor: User, at: datetime) -> int:
    """Try dead ends again, for as long as new messages are tried; how many that are.

    Raises:
        Refused: `forbidden`.
    """
    if not may(actor, "change", Delivery):
        raise Refused("forbidden", "Messages are tried again by an administrator.")
    tries = timedelta(days=handbook.current().notices.try_days)
    dead = Delivery.objects.given_up().filter(pk__in=list(ids))
    count = dead.update(state=Delivery.State.WAITING, next_at=Now(), give_up_at=Now() + Value(tries))
    if count:
        wake.on_commit(TASK)
    return count
