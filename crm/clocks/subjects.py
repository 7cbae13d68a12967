"""What a clock is about: higher layers say so, since imports point one way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from crm.people.models import Team, User


@dataclass(frozen=True, slots=True)
class Subject:
    """Who waits, in a few words; the page of the request, a path of this server; whose it is, or whose queue."""

    title: str
    address: str
    owner: User | None
    team: Team | None


@dataclass(frozen=True, slots=True)
class Named:
    """A subject as who knows of it names it: people and teams by their ids."""

    title: str
    address: str
    owner_id: int | None
    team_id: int | None


# For the ids of clocks what they are about, in a fixed number of queries.
Ask = Callable[[Sequence[int]], Mapping[int, Named]]
_asks: list[Ask] = []


def knows_subjects(ask: Ask) -> Ask:
    """Ask this function too what clocks are about; usable as a decorator."""
    if ask not in _asks:
        _asks.append(ask)
    return ask


def subjects_of(ids: Sequence[int]) -> dict[int, Subject]:
    """What each of these clocks is about; one that nobody knows is not named. Each person is one object in all of them,
    with their team and its manager: who is told is found out without asking for them one by one."""
    found: dict[int, Named] = {}
    for ask in _asks:
        found.update(ask(ids))
    owners = {one.owner_id for one in found.values() if one.owner_id is not None}
    queues = {one.team_id for one in found.values() if one.team_id is not None}
    people = User.objects.select_related("team__manager__team__manager").in_bulk(owners) if owners else {}
    teams = Team.objects.select_related("manager__team__manager").in_bulk(queues) if queues else {}
    return {
        pk: Subject(one.title, one.address, people.get(one.owner_id or 0), teams.get(one.team_id or 0))
        for pk, one in found.items()
    }
