"""Who is at work on a day of the company's calendar, who stands in for whom, and who is told instead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from django.utils.functional import cached_property

from crm.people.models import Absence, User

if TYPE_CHECKING:
    from crm.people.models import Team


class Presence:
    """Who is away on one day, read once when it is first asked."""

    def __init__(self, day: date) -> None:
        self.day = day
        self._told: dict[int, User | None] = {}

    @cached_property
    def absences(self) -> dict[int, Absence]:
        """The absence that covers the day, by who is away."""
        found = Absence.objects.on(self.day).select_related(
            "stand_in__team__manager__team", "user__team__manager__team"
        )
        return {absence.user_id: absence for absence in found}

    def is_present(self, user: User) -> bool:
        """Whether a new lead or a word of warning reaches this person today: an active person who is not away."""
        return user.is_active and not user.is_service and user.pk not in self.absences

    def stand_in(self, user: User) -> User | None:
        """Who works for somebody who is away: the first in the chain of stand-ins who is present.

        None for who is present, and when the chain leads to nobody.
        """
        return None if self.is_present(user) else self.told(user)

    def told(self, user: User) -> User | None:
        """Who is told what is meant for this person: they themselves, else who stands in, else the team's manager.

        A chain that comes back to where it was is left for the managers of those on it; None when nobody is left.
        """
        if user.pk not in self._told:
            self._told[user.pk] = self._find_told(user)
        return self._told[user.pk]

    def _find_told(self, user: User) -> User | None:
        walked = list(self._chain(user))
        managers = [manager for one in walked if (manager := manager_of(one.team))]
        return next((one for one in (*walked, *managers) if self.is_present(one)), None)

    def _chain(self, user: User) -> Iterator[User]:
        """The person, who stands in for them, who stands in for that one, and so on; each once."""
        seen: set[int] = set()
        who: User | None = user
        while who is not None and who.pk not in seen:
            seen.add(who.pk)
            yield who
            absence = self.absences.get(who.pk)
            who = (absence.stand_in if absence else None) or manager_of(who.team)

    def covered_by(self, user: User) -> list[int]:
        """Those who are away today and for whom this person is told: what is theirs to do is this person's now."""
        return [pk for pk, absence in self.absences.items() if pk != user.pk and self.told(absence.user) == user]

    def manager_told(self, team: Team | None) -> User | None:
        """Who is told what concerns a team: its manager, or who stands in."""
        manager = manager_of(team)
        return self.told(manager) if manager else None


def manager_of(team: Team | None) -> User | None:
    """The team's manager, if there is a team and it has one."""
    return team.manager if team else None
