"""Telling people: one row for each person or room, cause and way, whatever happens twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from crm.core.errors import Refused
from crm.core.permissions import may
from crm.notifications.models import Muted, Notification
from crm.notifications.rules import room_address, rule_of, sends_email
from crm.notifications.storing import Lines, Message, add_deliveries, add_notifications
from crm.notifications.storing import Notice as Notice
from crm.people.models import User

BELL, EMAIL = Muted.Way.BELL, Muted.Way.EMAIL


@dataclass(frozen=True, slots=True)
class Post:
    """What is written into the chat room that the handbook names for the kind, once for each cause."""

    kind: str
    key: str
    title: str
    text: str = ""
    address: str = ""
    lines: Lines = ()


def notify(notices: Iterable[Notice], *, at: datetime, posts: Iterable[Post] = ()) -> None:
    """Store what people are told, in the caller's transaction: by the bell, and by email and chat as the handbook has
    it for the kind and as they want it. What somebody was told already is not told again.

    However many they are, it takes as many statements. Messages leave when the transaction is committed.
    """
    # In one order whoever else tells the same at this moment, so that neither waits for the other.
    told = sorted({(one.to_id, one.key): one for one in notices}.values(), key=lambda one: (one.to_id, one.key))
    muted = muted_by(told)
    add_notifications([one for one in told if (one.to_id, one.kind, BELL) not in muted], at=at)
    add_deliveries([*emails_for(told, muted), *chats_for(posts)], at=at)


def muted_by(notices: Sequence[Notice]) -> set[tuple[int, str, str]]:
    """Person, kind and way of what these people do not want; what is always sent is never among them."""
    kinds = [kind for kind in {one.kind for one in notices} if (rule := rule_of(kind)) and not rule.always]
    if not kinds:
        return set()
    people = {one.to_id for one in notices}
    return set(Muted.objects.filter(kind__in=kinds, user__in=people).values_list("user_id", "kind", "way"))


def emails_for(notices: Sequence[Notice], muted: set[tuple[int, str, str]]) -> list[Message]:
    """Which of these leave by email: to people who work here, never to a program."""
    kinds = {kind for kind in {one.kind for one in notices} if (rule := rule_of(kind)) and rule.email}
    wanted = [one for one in notices if one.kind in kinds and (one.to_id, one.kind, EMAIL) not in muted]
    if not wanted or not sends_email():
        return []
    here = set(User.objects.active_people().filter(pk__in={one.to_id for one in wanted}).values_list("pk", flat=True))
    return [
        Message("email", one.kind, one.key, one.to_id, "", one.title, one.text, one.address, one.lines)
        for one in wanted
        if one.to_id in here
    ]


def chats_for(posts: Iterable[Post]) -> list[Message]:
    """Which of these leave into a room: those of a kind that has one whose address is known."""
    found = []
    for one in posts:
        rule = rule_of(one.kind)
        if rule and rule.chat and room_address(rule.chat):
            message = Message("chat", one.kind, one.key, None, rule.chat, one.title, one.text, one.address, one.lines)
            found.append(message)
    return sorted(found, key=lambda one: (one.room, one.key))


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
