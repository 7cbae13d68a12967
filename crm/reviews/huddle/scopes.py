"""What narrows a huddle: everything, what somebody owns, or what a team owns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from crm.core.errors import Missing, Refused
from crm.core.text import whole_number
from crm.people.models import Team, User
from crm.reviews.meetings import kinds
from crm.reviews.meetings.kinds import Scope
from crm.reviews.models import Meeting

EVERYTHING = "Everything"
OWNER, TEAM = "owner", "team"


def read_scope(given: Mapping[str, str]) -> dict[str, int | str]:
    """An owner or a team by its id; nothing is everything.

    Raises:
        Refused: `missing_facts` with `invalid_owner`, `invalid_team`, or `one_scope` for both at once.
    """
    named = {name: text for name in (OWNER, TEAM) if (text := str(given.get(name) or "").strip())}
    if len(named) > 1:
        raise _wrong("one_scope", "Choose an owner or a team, not both.", TEAM)
    found: dict[str, int | str] = {}
    for name, text in named.items():
        number = whole_number(text)
        known = User.objects.filter(is_service=False) if name == OWNER else Team.objects.all()
        if number is None or not known.filter(pk=number).exists():
            raise _wrong(f"invalid_{name}", f"There is no such {name}.", name)
        found[name] = number
    return found


def _wrong(code: str, message: str, field: str) -> Refused:
    return Refused("missing_facts", message, [Missing(code, message, field)])


def scope_words(scope: Scope) -> str:
    """Whose opportunities are gone through; a name that is gone stands as its number."""
    if OWNER in scope:
        owner = User.objects.filter(pk=scope[OWNER]).first()
        return str(owner) if owner else f"Owner {scope[OWNER]}"
    if TEAM in scope:
        team = Team.objects.filter(pk=scope[TEAM]).first()
        return f"Team {team}" if team else f"Team {scope[TEAM]}"
    return EVERYTHING


def last_held(scope: Scope, *, before: datetime) -> Meeting | None:
    """The huddle of the same scope that ended last before this moment: “last time”."""
    return kinds.last_held(Meeting.Kind.HUDDLE, scope, before=before)
