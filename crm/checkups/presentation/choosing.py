"""Which records a group is shown: of each kind one of somebody's own, one of their team's and one of another's.

Whoever checks a page by hand clicks on a row of the list that the tab opens on: so a record of that view is taken where
there is one (a customer, for accounts), and of each owner the newest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import models
from django.db.models import Max, Q

from crm.checkups.presentation.groups import Group, Member
from crm.core.errors import Refused
from crm.handbook.document import Handbook
from crm.people.models import User
from crm.workspace.conditions import read_condition

OWN, TEAM, OTHER = "own", "team", "other"
WHOSE = (OWN, TEAM, OTHER)


@dataclass(frozen=True, slots=True)
class Choice:
    """Who is shown which record; without one there is none to be shown."""

    whose: str
    reader: int = 0
    record: int | None = None


class _Newest(NamedTuple):
    """The newest record of an owner, and the newest in the list that the tab opens on."""

    opened: int | None
    any: int


def choices(group: Group, kind: type[models.Model], book: Handbook, *, at: datetime) -> list[Choice]:
    """An own, a team's and another's record of a kind, each with the member of the group who is shown it."""
    owned = _newest_by_owner(kind, book, at)
    teams = dict(User.objects.filter(pk__in=owned).values_list("pk", "team_id"))
    by_team: dict[int | None, list[int]] = {}
    for owner in owned:
        by_team.setdefault(teams.get(owner), []).append(owner)
    pairs = {OWN: _own, TEAM: _of_team, OTHER: _of_others}
    return [_choice(whose, pairs[whose](group.members, owned, by_team), owned) for whose in WHOSE]


def _newest_by_owner(kind: type[models.Model], book: Handbook, at: datetime) -> dict[int, _Newest]:
    rows = kind._default_manager.filter(owner__isnull=False).order_by().values_list("owner")
    found = rows.annotate(opened=Max("pk", filter=_opened_on(kind, book, at)), newest=Max("pk"))
    return {owner: _Newest(opened, newest) for owner, opened, newest in sorted(found)}


def _opened_on(kind: type[models.Model], book: Handbook, at: datetime) -> Q:
    """The rows of the view that the tab of this kind should open on."""
    name = str(kind._meta.model_name)
    page = book.expected_page(name)
    view = next((one for one in book.views if page and one.object == name and one.title == page.default_filter), None)
    rows = Q(pk__isnull=False)
    for one in view.filters if view else ():
        try:
            rows &= read_condition(kind, one.model_dump(), reader=User(), at=at).rows
        except Refused:
            continue
    return rows


def _choice(whose: str, pairs: Iterator[tuple[int, int]], owned: Mapping[int, _Newest]) -> Choice:
    """The first pair of reader and owner whose record is in the opened list, else the first of any."""
    first = None
    for reader, owner in pairs:
        newest = owned[owner]
        if newest.opened is not None:
            return Choice(whose, reader, newest.opened)
        first = first or Choice(whose, reader, newest.any)
    return first or Choice(whose)


def _own(
    members: Sequence[Member], owned: Mapping[int, Any], by_team: Mapping[int | None, Sequence[int]]
) -> Iterator[tuple[int, int]]:
    yield from ((one.pk, one.pk) for one in members if one.pk in owned)


def _of_team(
    members: Sequence[Member], owned: Mapping[int, Any], by_team: Mapping[int | None, Sequence[int]]
) -> Iterator[tuple[int, int]]:
    for one in members:
        if one.team is not None:
            yield from ((one.pk, owner) for owner in by_team.get(one.team, ()) if owner != one.pk)


def _of_others(
    members: Sequence[Member], owned: Mapping[int, Any], by_team: Mapping[int | None, Sequence[int]]
) -> Iterator[tuple[int, int]]:
    # What one of them meets of other people's, all do: the first two stand for those whose own are all there is.
    for one in members[:2]:
        for team, owners in by_team.items():
            if team is None or team != one.team:
                yield from ((one.pk, owner) for owner in owners if owner != one.pk)
