"""The secrets of sources, and whether a message was signed with one that is in use (crm.core.standard_webhooks)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from crm.core.standard_webhooks import TOLERANCE, make_secret
from crm.core.standard_webhooks import sign as sign
from crm.enquiries.models import Source

# So many signatures are compared: a sender that rotates its secret sends two.
MOST_SIGNATURES = 10
MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,200}")
SECONDS = re.compile(r"[0-9]{1,11}")


class Unsigned(Exception):
    """No message of a source that works: one sentence, whatever was wrong with it."""

    def __init__(
        self, message: str = "Send a message that is signed with a secret in use, to its own address."
    ) -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Signed:
    """A message whose signature is right: whose it is, its id, and when it was sent."""

    source: Source
    message_id: str
    sent_at: datetime


def secret_of(source: Source, salt: str) -> str:
    """The secret that goes with a salt, as it is shown: `whsec_` and base64."""
    return make_secret("crm.enquiries.source", source.pk, salt)


def secrets_of(source: Source | None, *, at: datetime) -> list[str]:
    """The secrets in use: the present one, and the one before it until that ends. Of no source, one that nobody has, so
    that an answer about nothing takes as long as any other."""
    if source is None:
        return [secret_of(Source(pk=0), "")]
    return [secret_of(source, salt) for salt in source.salts(at)]


def check(source: Source | None, headers: Mapping[str, str], body: bytes, *, at: datetime) -> Signed:
    """What was signed, once it is known that one of the source's secrets signed it just now.

    Raises:
        Unsigned: otherwise. Only who has the secret learns that the time is the trouble.
    """
    message_id, seconds = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split()[:MOST_SIGNATURES]
    readable = bool(MESSAGE_ID.fullmatch(message_id) and SECONDS.fullmatch(seconds))
    sent = int(seconds) if readable else 0
    made = [sign(secret, message_id if readable else "", sent, body) for secret in secrets_of(source, at=at)]
    # Every one is compared with every other, so that the time it takes says nothing of which was right.
    same = [hmac.compare_digest(one.encode(), other.encode(errors="replace")) for one in made for other in given]
    if source is None or not readable or not any(same):
        raise Unsigned
    sent_at = datetime.fromtimestamp(sent, UTC) if sent < 10**10 else datetime.max.replace(tzinfo=UTC)
    if abs(sent_at - at) > TOLERANCE:
        raise Unsigned("The time of this message is more than five minutes from now: send it anew, signed now.")
    return Signed(source, message_id, sent_at)
