"""Signatures of the Standard Webhooks scheme, and the secrets they are made with; of messages that come and that leave.

A message has an id, a time and a body; the signature is an HMAC-SHA256 over the three, as they were sent. A secret is
made of the server's own and a salt: it is stored nowhere, and is shown once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import timedelta

from django.utils.crypto import salted_hmac

# How far the time of a message may be from the receiver's own.
TOLERANCE = timedelta(minutes=5)
PREFIX = "whsec_"


def make_secret(purpose: str, number: int | None, salt: str) -> str:
    """The secret that goes with a salt, as it is shown: `whsec_` and base64 of 32 bytes."""
    made = salted_hmac(purpose, f"{number}:{salt}", algorithm="sha256").digest()
    return PREFIX + base64.b64encode(made).decode()


def sign(secret: str, message_id: str, sent_at: int, body: bytes) -> str:
    """The signature of a message sent at `sent_at`, in seconds since 1970."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    made = hmac.new(key, f"{message_id}.{sent_at}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(made).decode()}"


def signed_headers(secrets: Sequence[str], message_id: str, sent_at: int, body: bytes) -> dict[str, str]:
    """The three headers of a message; it is signed with each of the secrets in use, so that either one verifies it."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": " ".join(sign(secret, message_id, sent_at, body) for secret in secrets),
    }
