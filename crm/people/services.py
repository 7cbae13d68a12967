"""What administrators do with people, and people with themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.tokens import default_token_generator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from crm import handbook
from crm.core.acting import acting
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.people.models import User


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
