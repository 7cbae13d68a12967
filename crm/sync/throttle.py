"""How often a key may ask: counted by the database, so that the count is true over all processes and machines.

Counting begins anew with each minute. Answers say the limit and what is left of it
(draft-ietf-httpapi-ratelimit-headers-10).
"""

from __future__ import annotations

import hashlib
import ipaddress
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.db import connection
from rest_framework.exceptions import Throttled

# So many failing attempts a minute from one part of the network; its working keys are not held up by them.
MOST_FAILURES = 60
# Attempts are counted in so many rows, whatever addresses there are: two that share one merely share their limit.
PARTS = 4096


def minute_of(at: datetime) -> datetime:
    """When the minute began in which this is."""
    return at.astimezone(UTC).replace(second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class KeyRate:
    """What is left to a key in the present minute."""

    limit: int
    count: int
    at: datetime

    @property
    def seconds(self) -> int:
        """Seconds until counting begins anew; at least one."""
        return max(1, 60 - self.at.second)

    def headers(self, at: datetime | None = None) -> dict[str, str]:
        """The limit, and what is left of it at the time of the answer. Of a minute that ended meanwhile, as it may
        while somebody waits for changes, nothing is left to be told."""
        policy = {"RateLimit-Policy": f'"key";q={self.limit};w=60'}
        at = at or self.at
        if minute_of(at) > minute_of(self.at):
            return policy
        return {**policy, "RateLimit": f'"key";r={max(0, self.limit - self.count)};t={max(1, 60 - at.second)}'}

    def refuse_more(self) -> None:
        """Raises Throttled, answered as 429 with Retry-After, once the limit is passed."""
        if self.count > self.limit:
            raise Throttled(wait=self.seconds)


def count_failure(address: str, *, at: datetime) -> None:
    """Count an attempt without a usable key.

    Raises:
        Throttled: there were too many from that part of the network in this minute.
    """
    count_use(f"failed:{part_of(address)}", most=MOST_FAILURES, at=at)


def count_use(subject: str, *, most: int, at: datetime) -> None:
    """Count one more of something in this minute.

    Raises:
        Throttled: there were more than `most`.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT sync_count_use(%s, %s)", [subject, minute_of(at)])
        (count,) = cursor.fetchone()
    KeyRate(most, count, at).refuse_more()


def part_of(address: str) -> int:
    """The row in which attempts from an address are counted; the address cannot be told from it.

    Of an IPv6 address the first 64 bits count: the rest is its owner's to choose.
    """
    try:
        known = ipaddress.ip_address(address)
        if known.version == 6:
            address = str(ipaddress.ip_network((known, 64), strict=False))
    except ValueError:
        pass
    salted = hashlib.sha256(f"{settings.SECRET_KEY}{address}".encode()).digest()
    return zlib.crc32(salted) % PARTS
