"""What people and teams are called where figures are told, and as the options that these are narrowed by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crm.people.models import Team, User

Options = list[tuple[str, str]]


def people(ids: Sequence[int | None]) -> Mapping[int | None, str]:
    """Names of users, also of those who left."""
    rows = User.objects.filter(pk__in=[pk for pk in ids if pk])
    return {one.pk: str(one) if one.is_active else f"{one} (left)" for one in rows}


def teams(ids: Sequence[int | None]) -> Mapping[int | None, str]:
    """Names of teams."""
    return {one.pk: one.name for one in Team.objects.filter(pk__in=[pk for pk in ids if pk])}


def owner_options(chosen: int | None = None) -> Options:
    """Everybody who is active, by id; whoever is chosen too, since somebody who left may still own something."""
    found = [(str(one.pk), str(one)) for one in User.objects.active_people()]
    if chosen and str(chosen) not in dict(found):
        found.append((str(chosen), people([chosen]).get(chosen, f"User {chosen}")))
    return found


def team_options() -> Options:
    """Every team, by id."""
    return [(str(pk), name) for pk, name in Team.objects.order_by("name").values_list("pk", "name")]
