"""Which rule fits a lead, and whose turn it is: plain Python without Django or a database."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar


class Conditions(Protocol):
    """What a rule of the handbook asks of a lead; what it leaves out it does not ask."""

    @property
    def countries(self) -> tuple[str, ...]: ...
    @property
    def employees_from(self) -> int | None: ...
    @property
    def employees_to(self) -> int | None: ...
    @property
    def sources(self) -> tuple[str, ...]: ...


R = TypeVar("R", bound=Conditions)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the rules look at in a lead; unknown employees are None."""

    country: str
    employees: int | None
    source: str


def fits(rule: Conditions, lead: Asked) -> bool:
    """Whether every condition that is given holds; employees that nobody knows fulfil no condition on them."""
    countries = {country.casefold() for country in rule.countries}
    if countries and lead.country.strip().casefold() not in countries:
        return False
    if rule.sources and lead.source not in rule.sources:
        return False
    least, most = rule.employees_from, rule.employees_to
    if least is None and most is None:
        return True
    known = lead.employees
    return known is not None and (least is None or known >= least) and (most is None or known <= most)


def first_fit(rules: Sequence[R], lead: Asked) -> R | None:
    """The first rule, in the order of the handbook, that fits."""
    return next((rule for rule in rules if fits(rule, lead)), None)


class Rotation:
    """People who get leads in turn. Next is who had a turn longest ago, so whoever comes back gets one, not a backlog.

    `turns` is everybody's last turn, a number that only rises; 0 for who never had one. `last` is the highest that
    was ever given, also to people who are not here now.
    """

    def __init__(self, turns: Mapping[int, int], last: int = 0) -> None:
        self._next = [(number, user) for user, number in turns.items()]
        heapq.heapify(self._next)
        self.last = max([last, *turns.values()])
        self.given: dict[int, int] = {}

    def take(self, has_room: Callable[[int], bool]) -> int | None:
        """Give a turn to the next who has room, and return who it is; None when nobody has.

        Who has no room is not asked again: within one batch nobody's leads become fewer.
        """
        while self._next:
            _, user = heapq.heappop(self._next)
            if has_room(user):
                self.last += 1
                self.given[user] = self.last
                heapq.heappush(self._next, (self.last, user))
                return user
        return None


class Room:
    """How many more open leads each person may get: `most` less what they have, counted down as they get some."""

    def __init__(self, most: int, count: Callable[[int], int]) -> None:
        self.most, self._count = most, count
        self._open: dict[int, int] = {}

    def know(self, counts: Iterable[tuple[int, int]]) -> None:
        """Take counts that were fetched together, so that they are not asked for one by one."""
        self._open.update(counts)

    def has(self, user: int) -> bool:
        """Whether this person may get one more."""
        if user not in self._open:
            self._open[user] = self._count(user)
        return self._open[user] < self.most

    def fill(self, user: int) -> None:
        """They got one."""
        self._open[user] = self._open.get(user, 0) + 1
