"""Who gets the summary of which part: who manages teams gets each of theirs, a manager without a team everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crm import handbook
from crm.people.models import Team, User


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody, and the team whose summary they get; None is everything."""

    user: User
    team: Team | None


def recipients() -> list[Recipient]:
    """Everybody who gets a summary, who is away too: they read it when they are back.

    Administrators are in the managers' stead where nobody active has a manager's role.
    """
    people = User.objects.active_people()
    managing = set(Team.objects.exclude(manager=None).values_list("manager_id", flat=True))
    for rights in ("manager", "administrator"):
        roles = [role.key for role in handbook.current().roles_with(rights)]
        if people.filter(role__in=roles).exists():
            break
    wanted = people.filter(role__in=roles) | people.filter(pk__in=managing)
    found = []
    for user in wanted.prefetch_related("managed_teams").order_by("pk"):
        found += [Recipient(user, team) for team in teams_of(user)]
    return found


def teams_of(user: User) -> Sequence[Team | None]:
    """Whose summaries somebody gets: those of the teams that they manage, else everything."""
    return list(user.managed_teams.all()) or [None]
