"""The parts of a message: what it says, invitations, and the names of what is attached, which is not stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, TypeVar

from crm.enquiries.mail.texts import clean, decode, header_text, html_text

T = TypeVar("T")
DEEPEST = 20
MOST_NAMES = 50
LONGEST_NAME = 200


@dataclass
class Parts:
    """What was found; `calendars` are invitations, each with the method its envelope names."""

    text: str = ""
    names: list[str] = field(default_factory=list)
    calendars: list[tuple[bytes, str]] = field(default_factory=list)


def read_parts(message: Any) -> Parts:
    """Everything of one message. One that has no words of its own has those of a message attached to it."""
    parts = Parts()
    attached: list[Any] = []
    parts.text = _text(message, parts, attached, 0)
    if not parts.text and attached:
        inner = Parts()
        parts.text = _text(attached[0], inner, [], DEEPEST // 2)
    return parts


def _text(part: Any, parts: Parts, attached: list[Any], depth: int) -> str:
    kind = part.get_content_type()
    inside: Any = safely(part.get_payload, None)
    if depth > DEEPEST:
        return ""
    if kind == "message/rfc822" or (isinstance(inside, list) and not kind.startswith("multipart/")):
        inner = [one for one in inside if isinstance(one, Message)] if isinstance(inside, list) else []
        attached.extend(inner)
        parts.names.append((header_text(inner[0].get("Subject", "")) if inner else "")[:LONGEST_NAME] or "a message")
        return ""
    if isinstance(inside, list):
        found = [(one.get_content_type(), _text(one, parts, attached, depth + 1)) for one in inside]
        texts = [(one, text) for one, text in found if text]
        if kind == "multipart/alternative" and texts:
            # The same said several ways: the plain one, else the last, which is the fullest.
            return next((text for one, text in texts if one == "text/plain"), texts[-1][1])
        return "\n\n".join(text for _, text in texts)
    return _leaf(part, kind, parts)


def _leaf(part: Any, kind: str, parts: Parts) -> str:
    name = safely(lambda: header_text(part.get_filename() or ""), "")
    disposition = safely(part.get_content_disposition, None)
    if kind == "text/calendar":
        method = safely(lambda: str(part.get_param("method") or ""), "")
        parts.calendars.append((_bytes(part), method))
        return ""
    if (
        disposition == "attachment"
        or not kind.startswith("text/")
        or (name and disposition is None and kind != "text/plain")
    ):
        parts.names.append(name[:LONGEST_NAME] or kind)
        return ""
    text = decode(_bytes(part), safely(part.get_content_charset, None))
    return html_text(text) if kind == "text/html" else clean(text)


def _bytes(part: Any) -> bytes:
    found = safely(lambda: part.get_payload(decode=True), b"")
    return found if isinstance(found, bytes) else b""


def safely(call: Callable[[], T], otherwise: T) -> T:
    """What the standard library makes of a part; it raises all kinds of exceptions over what others sent."""
    try:
        return call()
    except Exception:
        return otherwise


def named(parts: Parts) -> str:
    """What was attached, in words; empty when nothing was."""
    if not parts.names:
        return ""
    more = len(parts.names) - MOST_NAMES
    return f"Attached: {', '.join(parts.names[:MOST_NAMES])}{f' and {more} more' if more > 0 else ''}"
