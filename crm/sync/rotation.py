"""Another secret for a key: told once, while the one before it works for some hours more."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused, Stale
from crm.core.permissions import may
from crm.core.salted import MOST_HOURS, OVERLAP_HOURS
from crm.people.models import User
from crm.sync.authentication import hash_of
from crm.sync.models import ApiKey


@retry_deadlocks
def rotate_api_key(
    key: ApiKey,
    *,
    actor: User,
    at: datetime,
    via: str,
    hours: int = OVERLAP_HOURS,
    sent: ApiKey | None = None,
    reason: str = "",
    version: int | None = None,
) -> tuple[ApiKey, str]:
    """Give the key another secret; the second value is the key with it, told this once. The old one ends after `hours`.

    `sent` is the key of the request that asks: a key may ask for itself, also with its old secret, so that an answer
    that was lost can be asked for again. That one then stays the old one, and lives no longer for it.

    Raises:
        Refused: `forbidden`, `invalid_hours`, `revoked` or `expired`; `Stale` when it is no longer at `version`.
    """
    itself = sent is not None and sent.pk == key.pk
    if not itself and not may(actor, "change", key):
        raise Refused("forbidden", "Only administrators, and a key itself, exchange its secret.")
    if not 0 <= hours <= MOST_HOURS:
        said = f"The old secret works for 0 to {MOST_HOURS} hours more."
        raise Refused("invalid", said, [Missing("invalid_hours", said, "hours")])
    with acting(actor=actor, via=via, at=at, reason=reason):
        locked = ApiKey.objects.select_for_update(of=("self",)).get(pk=key.pk)
        if version is not None and locked.version != version:
            raise Stale(f"{locked} was changed by somebody else since you opened it.")
        if (state := locked.state(at)) in ("revoked", "expired"):
            raise Refused(state, f"This key is {state}: make another one.")
        ends = at + timedelta(hours=hours)
        if itself and sent is not None and sent.by_old_secret and locked.old_until is not None:
            ends = min(ends, locked.old_until)
        else:
            locked.old_hash = locked.hash
        secret = secrets.token_hex(32)
        locked.hash, locked.old_until = hash_of(secret), ends
        if hours == 0:
            locked.old_hash = ""
        locked.save(update_fields=["hash", "old_hash", "old_until"])
    return locked, f"plumb_{locked.prefix}_{secret}"
