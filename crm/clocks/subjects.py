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


# For the ids of clocks what they are about, in a fixed number of queries.
Ask = Callable[[Sequence[int]], Mapping[int, Subject]]
_asks: list[Ask] = []


def knows_subjects(ask: Ask) -> Ask:
    """Ask this function too what clocks are about; usable as a decorator."""
    if ask not in _asks:
        _asks.append(ask)
    return ask


def subjects_of(ids: Sequence[int]) -> dict[int, Subject]:
    """What each of these clocks is about; one that nobody knows is not named."""
    found: dict[int, Subject] = {}
    for ask in _asks:
        found.update(ask(ids))
    return found
