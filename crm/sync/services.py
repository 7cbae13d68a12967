"""Giving keys to programs, and taking them back."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime

from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused, Stale
from crm.core.permissions import may
from crm.core.text import tidy
from crm.people.models import User
from crm.sync.authentication import hash_of
from crm.sync.models import ApiKey
from crm.sync.scopes import scopes as known_scopes
from crm.sync.scopes import within_rights

PER_MINUTE = 600


@retry_deadlocks
def make_api_key(
    *,
    name: str,
    user: User,
    scopes: Iterable[str],
    actor: User,
    at: datetime,
    via: str,
    expires_at: datetime | None = None,
    per_minute: int = PER_MINUTE,
) -> tuple[ApiKey, str]:
    """Make a key that acts as `user` within `scopes`; the second value is the key itself, told this once.

    Raises:
        Refused: `forbidden`, or with everything that will not do.
    """
    if not may(actor, "add", ApiKey):
        raise Refused("forbidden", "Only administrators give keys to programs.")
    wanted = list(dict.fromkeys(scopes))
    refuse_wrong(name=name, user=user, scopes=wanted, expires_at=expires_at, per_minute=per_minute, at=at)
    prefix, secret = secrets.token_hex(4), secrets.token_hex(32)
    with acting(actor=actor, via=via, at=at):
        key = ApiKey(
            name=tidy(name),
            user=user,
            prefix=prefix,
            hash=hash_of(secret),
            scopes=wanted,
            per_minute=per_minute,
            expires_at=expires_at,
            made_by=actor,
        )
        key.save(force_insert=True)
    return key, f"plumb_{prefix}_{secret}"


def refuse_wrong(
    *, name: str, user: User, scopes: list[str], expires_at: datetime | None, per_minute: int, at: datetime
) -> None:
    """Raises Refused with everything that will not do for a new key."""
    wrong = []
    if not tidy(name):
        wrong.append(Missing("needs_name", "Say what uses the key.", "name"))
    elif ApiKey.objects.filter(name__iexact=tidy(name), revoked_at=None).exists():
        said = "There is a key of this name: revoke it first, or choose another name."
        wrong.append(Missing("name_taken", said, "name"))
    if not user.is_active:
        wrong.append(Missing("invalid_user", f"{user} is deactivated.", "user"))
    if not scopes:
        wrong.append(Missing("needs_scopes", "Choose what the key may do.", "scopes"))
    known = known_scopes()
    for scope in scopes:
        if scope not in known:
            wrong.append(Missing("unknown_scope", f"“{scope}” is no scope: {', '.join(known)}.", "scopes"))
        elif not within_rights(user, scope):
            said = f"{user} may not do what {scope} is for ({known[scope]}), so no key of theirs may."
            wrong.append(Missing("beyond_user", said, "scopes"))
    if expires_at is not None and expires_at <= at:
        wrong.append(Missing("invalid_expires_at", "A key expires in the future.", "expires_at"))
    if not 1 <= per_minute <= 100_000:
        wrong.append(Missing("invalid_per_minute", "From 1 to 100,000 requests a minute.", "per_minute"))
    if wrong:
        raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)


@retry_deadlocks
def revoke_api_key(
    key: ApiKey, *, actor: User, at: datetime, via: str, reason: str = "", version: int | None = None
) -> ApiKey:
    """Stop a key for good: the next request with it is refused.

    Raises:
        Refused: `forbidden`, `revoked` when it is already; `Stale` when it is no longer at `version`.
    """
    if not may(actor, "change", key):
        raise Refused("forbidden", "Only administrators revoke keys.")
    with acting(actor=actor, via=via, at=at, reason=reason):
        locked = ApiKey.objects.select_for_update(of=("self",)).get(pk=key.pk)
        if version is not None and locked.version != version:
            raise Stale(f"{locked} was changed by somebody else since you opened it.")
        if locked.revoked_at is not None:
            raise Refused("revoked", "This key is revoked already.")
        locked.revoked_at = at
        locked.save(update_fields=["revoked_at"])
    return locked
