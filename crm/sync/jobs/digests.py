"""What a sender says of the bytes it sends (RFC 9530, and RFC 3230 before it): compared, so that no part is damaged."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from rest_framework.request import Request

from crm.core.api.problems import Flaw, Problem, bad_request

KNOWN = {"sha-256": "sha256", "sha-512": "sha512"}
CONTENT_DIGEST, DIGEST = "Content-Digest", "Digest"


class Digests:
    """The sums that a request names, made while its body is read; SHA-256 is made in any case."""

    def __init__(self, request: Request) -> None:
        """Read the headers.

        Raises:
            Problem: 400 `invalid_header` when one cannot be read, or names no sum that is made here: what somebody
                meant to have compared is never taken uncompared.
        """
        self.wanted: list[tuple[str, str, bytes]] = []
        for header in (CONTENT_DIGEST, DIGEST):
            if (given := request.headers.get(header)) is not None:
                self.wanted += [(header, name, value) for name, value in _read(header, given)]
        self.sums: dict[str, Any] = {KNOWN[name]: hashlib.new(KNOWN[name]) for _, name, _ in self.wanted}
        self.sums.setdefault("sha256", hashlib.sha256())

    def update(self, piece: bytes) -> None:
        """More of the body."""
        for one in self.sums.values():
            one.update(piece)

    @property
    def sha256(self) -> str:
        """SHA-256 of what was read, in hexadecimal digits."""
        return str(self.sums["sha256"].hexdigest())

    def refuse_other(self) -> None:
        """Raises Problem, 400 `digest_mismatch`, when what was read is not what was said."""
        for header, name, value in self.wanted:
            if self.sums[KNOWN[name]].digest() != value:
                said = f"What arrived is not what {header} says ({name}): send it again. Nothing was stored."
                raise bad_request("digest_mismatch", said, [Flaw(header, "digest_mismatch", said)])


def _read(header: str, given: str) -> list[tuple[str, bytes]]:
    found = []
    for one in given.split(","):
        name, _, value = one.strip().partition("=")
        if name.lower() not in KNOWN:
            continue
        # The newer header has its bytes between colons.
        text = value.strip(":") if header == CONTENT_DIGEST else value
        try:
            found.append((name.lower(), base64.b64decode(text, validate=True)))
        except (binascii.Error, ValueError) as error:
            raise _refuse(header) from error
    if not found:
        raise _refuse(header)
    return found


def _refuse(header: str) -> Problem:
    shown = "sha-256=:…:" if header == CONTENT_DIGEST else "sha-256=…"
    said = f"{header} names the SHA-256 or SHA-512 of the body in base64, as {header}: {shown}"
    return bad_request("invalid_header", said, [Flaw(header, "invalid_header", said)])
