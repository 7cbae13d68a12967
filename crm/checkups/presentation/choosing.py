"""Which records a group is shown: of each kind one of somebody's own, one of their team's and one of another's.

Whoever checks a page by hand clicks on a row of the list that the tab opens on: so a record of that view is taken where
there is one (a customer, for accounts), and of its owner the newest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import models
from django.db.models import Q

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


class _Owner(NamedTuple):
    """Somebody who owns records of a kind, and whether one of them is in the list that the tab opens on."""

    team: int | None
    in_list: bool


def choices(group: Group, kind: type[models.Model], book: Handbook, *, at: datetime) -> list[Choice]:
    """An own, a team's and another's record of a kind, each with the member of the group who is shown it.

    Owners are looked up one by one in the index, never counted: there may be a million records.
    """
    in_list = _opened_on(kind, book, at)
    rows = kind._default_manager.filter(owner=models.OuterRef("pk"))
    people = User.objects.annotate(owns=models.Exists(rows), listed=models.Exists(rows.filter(in_list)))
    found = people.order_by("pk").values_list("pk", "team_id", "owns", "listed")
    owned = {pk: _Owner(team, listed) for pk, team, owns, listed in found if owns}
    by_team: dict[int | None, list[int]] = {}
    for pk, owner in owned.items():
        by_team.setdefault(owner.team, []).append(pk)
    pairs = {OWN: _own, TEAM: _of_team, OTHER: _of_others}
    chosen = []
    for whose in WHOSE:
        if (pair := _first(pairs[whose](group.members, owned, by_team), owned)) is None:
            chosen.append(Choice(whose))
            continue
        mine = kind._default_manager.filter(owner=pair[1])
        mine = mine.filter(in_list) if owned[pair[1]].in_list else mine
        chosen.append(Choice(whose, pair[0], mine.order_by("-pk").values_list("pk", flat=True).first()))
    return chosen


def _opened_on(kind: type[models.Model], book: Handbook, at: datetime) -> Q:
    """The rows of the view that the tab of this kind should open on."""
    name = str(kind._meta.model_name)
    page = book.expected_page(name)
    view = next((one for one in book.views if page and one.object == name and one.title == page.default_filter), None)
    rows = Q()
    for one in view.filters if view else ():
        try:
            rows &= read_condition(kind, one.model_dump(), reader=User(), at=at).rows
        except Refused:
            continue
    return rows


def _first(pairs: Iterator[tuple[int, int]], owned: Mapping[int, _Owner]) -> tuple[int, int] | None:
    """The first pair of reader and owner who has a record in the opened list, else the first of any."""
    first = None
    for pair in pairs:
        if owned[pair[1]].in_list:
            return pair
        first = first or pair
    return first


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
