"""What administrators do with people, and people with themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.tokens import default_token_generator
from django.db import models
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from crm import handbook
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused
from crm.core.paging import capped_count
from crm.core.permissions import may
from crm.people.models import Team, User


@dataclass(frozen=True, slots=True)
class Owned:
    """The records of one kind that somebody has to take over."""

    kind: type[models.Model]
    count: int

    @property
    def label(self) -> str:
        """The kind in words that fit the count."""
        meta = self.kind._meta
        return str(meta.verbose_name if self.count == 1 else meta.verbose_name_plural)


def _owned_rows(user: User) -> Iterator[models.QuerySet[Any]]:
    """What this person owns and somebody still works: open records where a kind can be closed, else all.

    Found by the relation `owner`, so that a kind of record added later is handed over too.
    """
    for relation in User._meta.related_objects:
        if relation.field.name == "owner":
            rows: Any = relation.related_model._default_manager.filter(owner=user)
            yield rows.open() if hasattr(rows, "open") else rows


def owned_by(user: User) -> list[Owned]:
    """What somebody has to take over when this person leaves."""
    found = [Owned(rows.model, capped_count(rows)) for rows in _owned_rows(user)]
    return [one for one in found if one.count]


@retry_deadlocks
def deactivate_user(user: User, *, heir: User | None, actor: User, at: datetime, via: str, reason: str = "") -> User:
    """Take somebody's access away and hand what they own and is open to `heir`, in one transaction.

    Raises:
        Refused: `forbidden`, `last_administrator`, `oneself`, `manages_team`, or `needs_heir` while they own
            something open and nobody was named to take it.
    """
    if not may(actor, "change", user):
        raise Refused("forbidden", "Only administrators deactivate people.")
    if actor.pk == user.pk:
        raise Refused("oneself", "You cannot deactivate yourself: ask another administrator.")
    with acting(actor=actor, via=via, at=at, reason=reason):
        locked = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
        refuse_losing_last_administrator(locked)
        teams = [team.name for team in Team.objects.filter(manager=locked)]
        if teams:
            raise Refused("manages_team", f"{locked} manages {', '.join(teams)}: give the team another manager first.")
        owned = owned_by(locked)
        if owned and heir is None:
            what = ", ".join(f"{one.count:,} {one.label}" for one in owned)
            message = f"{locked} owns {what}: choose who takes them over."
            raise Refused("missing_facts", message, [Missing("needs_heir", message, "heir")])
        if heir is not None:
            if not heir.is_active or heir.is_service or heir.pk == locked.pk:
                message = f"{heir} cannot take records over."
                raise Refused("missing_facts", message, [Missing("invalid_heir", message, "heir")])
            for rows in list(_owned_rows(locked)):
                rows.update(owner=heir)
        locked.is_active = False
        locked.sessions_ended += 1
        locked.save(update_fields=["is_active", "sessions_ended"])
    return locked


def reactivate_user(user: User, *, actor: User, at: datetime, via: str) -> User:
    """Give somebody their access back; what was handed over stays where it is.

    Raises:
        Refused: `forbidden`.
    """
    if not may(actor, "change", user):
        raise Refused("forbidden", "Only administrators activate people.")
    with acting(actor=actor, via=via, at=at):
        locked = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
        locked.is_active = True
        locked.save(update_fields=["is_active"])
    return locked


def refuse_losing_last_administrator(user: User) -> None:
    """Raises `Refused("last_administrator")` if nobody else could run setup."""
    roles = [role.key for role in handbook.current().roles_with("administrator")]
    if user.role not in roles or not user.is_active or user.is_service:
        return
    if not User.objects.active_people().filter(role__in=roles).exclude(pk=user.pk).exists():
        raise Refused("last_administrator", f"{user} is the only administrator: make somebody else one first.")


def save_profile(user: User, *, values: Mapping[str, Any], at: datetime) -> User:
    """Store what somebody changed about themselves: name and time zone, nothing that gives rights.

    Raises:
        Refused: `forbidden` for any other field.
        Stale: somebody else changed the user meanwhile.
    """
    if not set(values) <= {"first_name", "last_name", "zone"}:
        raise Refused("forbidden", "Role and team are an administrator's to change.")
    with acting(actor=user, via="admin", at=at):
        for name, value in values.items():
            setattr(user, name, value)
        if values:
            user.save(update_fields=list(values))
    return user


def password_link_parts(user: User) -> tuple[str, str]:
    """The two parts of a link by which somebody sets their own password, once; Django says for how long."""
    return urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)
