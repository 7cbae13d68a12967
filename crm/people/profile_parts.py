"""What else stands on everybody's own profile page: higher layers say so, since imports point one way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crm.people.models import User


@dataclass(frozen=True, slots=True)
class ProfilePart:
    """One part: its template, and what that shows of somebody."""

    template: str
    context: Callable[[User], Mapping[str, Any]]


_parts: list[ProfilePart] = []


def on_profile(template: str, context: Callable[[User], Mapping[str, Any]]) -> None:
    """Show this template on every profile page, below the person's own fields."""
    if not any(part.template == template for part in _parts):
        _parts.append(ProfilePart(template, context))


def parts_of(user: User) -> list[dict[str, Any]]:
    """The parts of somebody's page, each with its template."""
    return [{**part.context(user), "template": part.template} for part in _parts]
