"""Letting another system send enquiries: its secret is shown once, exchanged without losing a message, and stopped."""

from __future__ import annotations

from datetime import datetime

from crm import handbook
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused, Stale
from crm.core.permissions import may
from crm.core.salted import OVERLAP_HOURS, new_salt, refuse_hours
from crm.core.text import tidy
from crm.enquiries.hooks.signing import secret_of
from crm.enquiries.models import Source
from crm.people.models import SYSTEM_EMAIL, User

WHO = "Only administrators let other systems send enquiries."


@retry_deadlocks
def add_source(
    *, name: str, kind: str, channel: str, user: User, actor: User, at: datetime, via: str
) -> tuple[Source, str]:
    """Let another system send; the second value is its secret, told this once. `kind` is one of `Source.Kind`.

    Raises:
        Refused: `forbidden`, or with everything that will not do.
    """
    if not may(actor, "add", Source):
        raise Refused("forbidden", WHO)
    refuse_wrong(name=name, kind=kind, channel=channel, user=user)
    with acting(actor=actor, via=via, at=at):
        source = Source(name=tidy(name), kind=kind, channel=channel, user=user, salt=new_salt())
        source.save(force_insert=True)
    return source, secret_of(source, source.salt)


def refuse_wrong(*, name: str, kind: str, channel: str, user: User) -> None:
    """Raises Refused with everything that will not do for a new source."""
    wrong = []
    if not tidy(name):
        wrong.append(Missing("needs_name", "Say which system it is.", "name"))
    elif Source.objects.filter(name=tidy(name)).exists():
        wrong.append(Missing("name_taken", "There is a source of this name: choose another.", "name"))
    if kind not in Source.Kind.values:
        wrong.append(Missing("invalid_kind", f"Kind: one of {', '.join(Source.Kind.values)}.", "kind"))
    known = {one.key: one for one in handbook.current().enquiry.channels}
    if channel not in known:
        wrong.append(Missing("invalid_channel", f"Channel: one of {', '.join(known)}.", "channel"))
    if not user.is_active or not user.is_service or user.email == SYSTEM_EMAIL:
        wrong.append(Missing("invalid_user", "A source acts as an active service account.", "user"))
    elif not (user.rights == "service" or user.is_manager):
        # Whoever writes or books, of whichever team they are: else their words would be refused.
        roles = [role.label for role in handbook.current().roles if role.rights == "service"]
        said = f"This account's role reaches its own team's records alone: give it the role {' or '.join(roles)}."
        wrong.append(Missing("invalid_user", said, "user"))
    if wrong:
        raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)


@retry_deadlocks
def rotate_secret(
    source: Source, *, hours: int = OVERLAP_HOURS, actor: User, at: datetime, via: str, version: int | None = None
) -> tuple[Source, str]:
    """Give a source another secret, told this once; the present one works for so many hours more.

    Raises:
        Refused: `forbidden`, `stopped`, `missing_facts` with `invalid_hours`; `Stale` when no longer at `version`.
    """
    if not may(actor, "change", source):
        raise Refused("forbidden", WHO)
    refuse_hours(hours)
    with acting(actor=actor, via=via, at=at, reason="Another secret."):
        locked = _locked(source, version)
        locked.exchange_salt(hours=hours, at=at)
        locked.save(update_fields=locked.KEPT)
    return locked, secret_of(locked, locked.salt)


@retry_deadlocks
def stop_source(
    source: Source, *, actor: User, at: datetime, via: str, reason: str = "", version: int | None = None
) -> Source:
    """Stop a source for good: its next message is refused.

    Raises:
        Refused: `forbidden`, `stopped` when it is already; `Stale` when it is no longer at `version`.
    """
    if not may(actor, "change", source):
        raise Refused("forbidden", WHO)
    with acting(actor=actor, via=via, at=at, reason=reason):
        locked = _locked(source, version)
        locked.stopped_at, locked.old_salt, locked.old_until = at, "", None
        locked.save(update_fields=["stopped_at", "old_salt", "old_until"])
    return locked


def _locked(source: Source, version: int | None) -> Source:
    locked = Source.objects.select_for_update(of=("self",)).get(pk=source.pk)
    if version is not None and locked.version != version:
        raise Stale(f"{locked} was changed by somebody else since you opened it.")
    if locked.stopped_at is not None:
        raise Refused("stopped", "This source is stopped.")
    return locked
