"""Secrets that are made of the server's own and a salt: exchanged for another while the one before works on."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from crm.core.errors import Missing, Refused

# How long the old secret still works after an exchange, unless somebody wants otherwise; in hours.
OVERLAP_HOURS = 24
MOST_HOURS = 24 * 14


def new_salt() -> str:
    """A salt that nobody guesses."""
    return secrets.token_hex(32)


class Salted:
    """A record whose secret goes with its `salt`, and until `old_until` also with its `old_salt`."""

    KEPT = ("salt", "old_salt", "old_until")
    salt: str
    old_salt: str
    old_until: datetime | None

    def salts(self, at: datetime) -> list[str]:
        """Those in use: the present one, and the one before it until that ends."""
        return [self.salt, self.old_salt] if self.has_two_secrets(at) else [self.salt]

    def has_two_secrets(self, at: datetime) -> bool:
        """Whether the one before the present one still works."""
        return bool(self.old_salt) and self.old_until is not None and self.old_until > at

    def exchange_salt(self, *, hours: int, at: datetime) -> None:
        """Take another salt; the present one works for so many hours more. To be saved with `KEPT`."""
        self.old_salt, self.old_until = (self.salt, at + timedelta(hours=hours)) if hours else ("", None)
        self.salt = new_salt()


def refuse_hours(hours: int) -> None:
    """Raises Refused, `missing_facts` with `invalid_hours`, for what is no time that an old secret may work on."""
    if not 0 <= hours <= MOST_HOURS:
        said = f"Hours: a number from 0 to {MOST_HOURS}."
        raise Refused("missing_facts", said, [Missing("invalid_hours", said, "hours")])
