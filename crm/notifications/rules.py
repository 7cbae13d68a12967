"""What the handbook says of each kind of notice, and which ways are open on this server."""

from __future__ import annotations

from django.conf import settings

from crm import handbook
from crm.handbook.promises import ChatChannel, NoticeRule


def rule_of(kind: str) -> NoticeRule | None:
    """How a kind reaches people; None for a kind of the program's own, which is told by the bell alone."""
    return next((rule for rule in handbook.current().notices.kinds if rule.kind == kind), None)


def label_of(kind: str) -> str:
    """The kind in words; empty for one that the handbook does not name."""
    rule = rule_of(kind)
    return rule.label if rule else ""


def room_of(key: str) -> ChatChannel | None:
    """A room by its key; None for one that left the handbook."""
    return next((room for room in handbook.current().notices.chats if room.key == key), None)


def room_label(key: str) -> str:
    """A room in words."""
    room = room_of(key)
    return room.label if room else key


def sends_email() -> bool:
    """Whether this server has a mail server to give email to (`EMAIL_URL`)."""
    return bool(settings.SENDS_EMAIL)


def room_address(key: str) -> str:
    """The address of a room, a secret; empty when `CHAT_WEBHOOKS` does not name it."""
    return str(settings.CHAT_WEBHOOKS.get(key, ""))


def rooms_without_address() -> list[ChatChannel]:
    """Rooms into which notices should go and cannot."""
    wanted = {rule.chat for rule in handbook.current().notices.kinds}
    rooms = handbook.current().notices.chats
    return [room for room in rooms if room.key in wanted and not room_address(room.key)]


def unknown_rooms() -> list[str]:
    """Rooms that have an address and are not in the handbook."""
    known = {room.key for room in handbook.current().notices.chats}
    return sorted(key for key in settings.CHAT_WEBHOOKS if key not in known)


def link_to(path: str) -> str:
    """The absolute address of a page, as a message needs it; empty for none."""
    return f"{settings.PUBLIC_URL}{path}" if path.startswith("/") else ""
