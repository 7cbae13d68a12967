"""What narrows a lead pipeline review: an owner, a team, a lead source, together or none of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from crm.core.errors import Missing, Refused
from crm.enquiries.attainment_asked import NOBODY
from crm.people.choosing import people, teams
from crm.people.models import Team, User
from crm.reviews.lead_review.asked import SCOPE, Asked, of_last_days, read_scope_values
from crm.reviews.lead_review.words import source_words

EVERYTHING = "All leads"


def read_scope(given: Mapping[str, str]) -> dict[str, int | str]:
    """As a meeting keeps it: ids as numbers, `NOBODY` for nobody's.

    Raises:
        Refused: `missing_facts` with `invalid_owner`, `invalid_team` or `invalid_source`.
    """
    wrong: list[Missing] = []
    found = read_scope_values({name: str(given.get(name) or "").strip() for name in SCOPE}, wrong)
    for name, known in (("owner", User.objects.filter(is_service=False)), ("team", Team.objects.all())):
        if found[name] and not known.filter(pk=found[name]).exists():  # type: ignore[attr-defined]
            wrong.append(Missing(f"invalid_{name}", f"There is no such {name}.", name))
    if wrong:
        raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)
    scope: dict[str, int | str] = {}
    for name in ("owner", "team"):
        if found[name] is not None:
            scope[name] = found[name] or NOBODY
    return scope | ({"source": found["source"]} if found["source"] else {})


def asked_of(scope: Mapping[str, Any], *, at: datetime) -> Asked:
    """The figures of a meeting's scope; of what is gone meanwhile there are none, and never all."""
    usual = of_last_days(1, at)
    owner, team = (
        None if name not in scope else 0 if scope[name] == NOBODY else int(scope[name]) for name in ("owner", "team")
    )
    return replace(usual, owner=owner, team=team, source=str(scope.get("source", "")))


def scope_words(scope: Mapping[str, Any]) -> str:
    """Whose leads are gone through; a name that is gone stands as its number."""
    parts = []
    for name, names, nobody in (("owner", people, "Nobody’s"), ("team", teams, "No team’s")):
        if name in scope:
            value = scope[name]
            known = nobody if value == NOBODY else names([int(value)]).get(int(value), f"{name.capitalize()} {value}")
            parts.append(known if name == "owner" or value == NOBODY else f"Team {known}")
    if source := str(scope.get("source", "")):
        parts.append("no lead source" if source == NOBODY else source_words(source))
    return ", ".join(parts) or EVERYTHING
