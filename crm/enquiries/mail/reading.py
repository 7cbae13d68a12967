"""A message of RFC 5322 as Plumb reads it: who wrote to whom, when, what, in answer to what, and whether by hand."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

from crm.core.errors import Refused
from crm.core.text import tidy
from crm.enquiries.incoming import LONGEST_TEXT
from crm.enquiries.mail.parts import named, read_parts, safely
from crm.enquiries.mail.texts import LONGEST_HEADER, header_text

LONGEST_ID = 450
MOST_REFERENCES = 100
MOST_RECIPIENTS = 50
# A server keeps what it cannot hand over, and tries again, for so long.
QUEUED = timedelta(days=5)
BRACKETED = re.compile(r"<([^<>\s]{1,998})>")
COMMENT = re.compile(r"\([^()]*\)")
RESULT = re.compile(r"\b(dmarc|dkim|spf)\s*=\s*([a-z]+)", re.IGNORECASE)
FAILED = ("fail", "softfail", "permerror")
BULK = ("bulk", "junk", "list", "auto_reply")
LIST_HEADERS = ("List-Id", "List-Unsubscribe", "List-Post")


@dataclass(frozen=True, slots=True)
class Mail:
    """One message. `key` is its Message-ID, else made of its content; `references` the ids it answers, nearest first.

    `automatic` says what shows that no person wrote it; `failed` that the trusted relay found the sender forged.
    """

    key: str
    references: tuple[str, ...]
    name: str
    email: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    sent_at: datetime | None
    received_at: datetime
    automatic: str
    failed: bool
    calendars: tuple[tuple[bytes, str], ...]


def read_mail(raw: bytes, *, at: datetime, relay: str = "", lists: Collection[str] = ()) -> Mail:
    """Read a message. `relay` names the server whose Authentication-Results count; `lists` are mailing lists by which
    people write to us: coming through one does not make a message automatic.

    Raises:
        Refused: `unreadable`.
    """
    try:
        message = message_from_bytes(raw)
        parts = read_parts(message)
    except RecursionError as error:
        raise Refused("unreadable", "This message is nested too deeply to be read.") from error
    senders = list(addresses(message, "From"))
    name, email = senders[0] if senders else ("", "")
    received = min(received_time(message, at) or at, at)
    words = "\n\n".join(filter(None, (parts.text, named(parts))))
    if len(words) > LONGEST_TEXT:
        shortened = "\n\n[The rest is not stored here.]"
        words = words[: LONGEST_TEXT - len(shortened)] + shortened
    ids = message_ids(message, "Message-ID")
    return Mail(
        key=_short(ids[0]) if ids else f"sha256:{hashlib.sha256(raw).hexdigest()}",
        references=tuple(_short(one) for one in _references(message)),
        name=name[:255],
        email=email,
        recipients=tuple(dict.fromkeys(_recipients(message)))[:MOST_RECIPIENTS],
        subject=tidy(header(message, "Subject"))[:255],
        text=tidy(words),
        sent_at=moment(header(message, "Date")),
        received_at=received,
        automatic=why_automatic(message, lists) or _calendar_reply(parts.calendars),
        failed=bool(relay) and is_forged(message, relay),
        calendars=tuple(parts.calendars),
    )


def header(message: Any, name: str) -> str:
    """The first header of a name, on one line; empty when there is none."""
    return next(headers(message, name), "")


def headers(message: Any, name: str) -> Iterator[str]:
    """Every header of a name, each on one line, the topmost first."""
    for raw in _all(message, name):
        yield header_text(raw)


def _all(message: Any, name: str) -> list[Any]:
    return safely(lambda: message.get_all(name), None) or []


def addresses(message: Any, *names: str) -> Iterator[tuple[str, str]]:
    """The people that headers name: name and address."""
    raw = [str(one)[:LONGEST_HEADER] for name in names for one in _all(message, name)]
    found: list[tuple[str, str]] = safely(lambda: getaddresses(raw), [])
    for name, address in found:
        plain = header_text(address)
        if "@" in plain:
            yield header_text(name), plain[:254]


def _recipients(message: Any) -> Iterator[str]:
    for _, address in addresses(message, "To", "Cc", "Bcc", "Resent-To", "Resent-Cc"):
        yield address.lower()


# --- which message, and when ------------------------------------------------------------------------------------------


def message_ids(message: Any, name: str) -> list[str]:
    """The ids in a header; one without its brackets is taken too."""
    text = header(message, name)[:LONGEST_HEADER]
    return BRACKETED.findall(text) or ([text.split()[0]] if text.split() and "@" in text.split()[0] else [])


def _references(message: Any) -> list[str]:
    """What it answers, the nearest first."""
    found = [*message_ids(message, "In-Reply-To"), *reversed(message_ids(message, "References"))]
    return list(dict.fromkeys(found))[:MOST_REFERENCES]


def _short(message_id: str) -> str:
    """An id that fits; of a longer one a hash."""
    if len(message_id) <= LONGEST_ID:
        return tidy(message_id)
    return f"sha256:{hashlib.sha256(message_id.encode(errors='replace')).hexdigest()}"


def moment(text: str) -> datetime | None:
    """A time of RFC 5322; None for what is none."""
    try:
        found = parsedate_to_datetime(text)
        return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def received_time(message: Any, at: datetime) -> datetime | None:
    """When our own mail server had it: it writes the topmost line. None where it says nothing that can be."""
    found = moment(header(message, "Received").rpartition(";")[2].strip())
    return found if found is not None and at - QUEUED <= found <= at + timedelta(minutes=5) else None


# --- who wrote it -----------------------------------------------------------------------------------------------------


def why_automatic(message: Any, lists: Collection[str] = ()) -> str:
    """What shows that no person wrote it (RFC 3834 and what is in use beside it); empty when nothing does."""
    said = COMMENT.sub(" ", header(message, "Auto-Submitted")).partition(";")[0].strip().lower()
    if said and said != "no":
        return f"Auto-Submitted: {said}"
    for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress"):
        if header(message, name):
            return name
    if header(message, "Return-Path").strip() == "<>":
        return "Return-Path: <>"
    if message.get_content_type() == "multipart/report":
        return "a report of a mail server"
    ours = {one.casefold().strip("<>") for one in lists}
    listed = header(message, "List-Id").casefold()
    through_ours = bool(ours) and any(f"<{one}>" in listed or listed.strip("<> ") == one for one in ours)
    if through_ours:
        return ""
    precedence = header(message, "Precedence").strip().lower()
    if precedence in BULK:
        return f"Precedence: {precedence}"
    return next((name for name in LIST_HEADERS if header(message, name)), "")


def _calendar_reply(calendars: list[tuple[bytes, str]]) -> str:
    """That somebody accepted an invitation is no request."""
    replies = any(method.upper() == "REPLY" or b"\nMETHOD:REPLY" in body for body, method in calendars)
    return "an answer to an invitation" if replies else ""


def is_forged(message: Any, relay: str) -> bool:
    """Whether the trusted relay says that the sender is not who they say (RFC 8601).

    Its DMARC verdict decides; where it gives none, that SPF or DKIM failed and neither passed.
    """
    found: dict[str, set[str]] = {}
    for line in headers(message, "Authentication-Results"):
        words = COMMENT.sub(" ", line)
        server = words.partition(";")[0].split()
        if server and server[0].casefold() == relay.casefold():
            for method, result in RESULT.findall(words):
                found.setdefault(method.lower(), set()).add(result.lower())
    if "dmarc" in found:
        return bool(found["dmarc"] & set(FAILED))
    results = found.get("spf", set()) | found.get("dkim", set())
    return "pass" not in results and bool(results & set(FAILED))
