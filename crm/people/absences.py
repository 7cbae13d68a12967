"""Days away: entering, changing and taking them back, and who is away now and next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from crm.core.acting import acting
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.people.models import Absence, User

AHEAD = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Away:
    """Who is away today, and who will be within two months, the next first."""

    now: list[Absence]
    soon: list[Absence]


def who_is_away(today: date) -> Away:
    """Now and next, of people who still work here."""
    rows = Absence.objects.filter(user__is_active=True).select_related("user", "stand_in")
    now = rows.on(today).order_by("last_day", "pk")
    soon = rows.filter(first_day__gt=today, first_day__lte=today + AHEAD).order_by("first_day", "pk")
    return Away(list(now), list(soon))


def absences_of(user: User, *, today: date) -> list[Absence]:
    """This person's days away that are not over, the next first."""
    return list(Absence.objects.filter(user=user, last_day__gte=today).select_related("stand_in").order_by("first_day"))


def enter_absence(absence: Absence, *, actor: User, at: datetime, via: str, reason: str = "") -> Absence:
    """Store somebody's days away: everybody their own, managers anybody's.

    Raises:
        Refused: `forbidden`, or `invalid_user` for who is not at work here.
        IntegrityError: days that overlap others of theirs (`people_absence_does_not_overlap`).
    """
    if not may(actor, "add", absence):
        raise Refused("forbidden", "You enter your own days away; a manager everybody's.")
    if absence.user.is_service:
        raise Refused("invalid_user", f"{absence.user} is a program: it has no days away.")
    with acting(actor=actor, via=via, at=at, reason=reason):
        absence.save()
    return absence
