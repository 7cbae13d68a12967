"""Who works at the demo company. All have one password, so the demo is never loaded in production."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.hashers import make_password

from crm.core.acting import acting
from crm.people.models import Team, User

PASSWORD = "plumb-demo"  # noqa: S105 - printed for everybody to see
DOMAIN = "plumb.example"
VIA = "command"

# Name, first part of the address, role, team.
PEOPLE = (
    ("Sam", "Ortega", "sam.sdr", "sdr", "West"),
    ("Priya", "Raman", "priya.sdr", "sdr", "West"),
    ("Leo", "Brandt", "leo.sdr", "sdr", "East"),
    ("Alex", "Kim", "alex.ae", "ae", "West"),
    ("Nora", "Silva", "nora.ae", "ae", "East"),
    ("Maya", "Cole", "maya.manager", "manager", ""),
    ("Ada", "Lind", "ada.admin", "administrator", ""),
)
WHAT_THEY_DO = {
    "sdr": "works leads from New to SAO Converted",
    "ae": "takes opportunities over, or returns them",
    "manager": "sees and edits everybody's records",
    "administrator": "also runs setup: users, teams, handbook",
}


@dataclass(frozen=True)
class Cast:
    """The people by the parts they play."""

    sam: User
    priya: User
    leo: User
    alex: User
    nora: User
    maya: User
    ada: User

    @property
    def sdrs(self) -> tuple[User, ...]:
        """Those who work leads."""
        return self.sam, self.priya, self.leo


def is_hired() -> bool:
    """Whether the demo was loaded before."""
    return User.objects.filter(email=f"{PEOPLE[0][2]}@{DOMAIN}").exists()


def hire(*, at: datetime) -> Cast:
    """Make the teams and the people."""
    secret = make_password(PASSWORD)  # hashed once: it is meant to be slow
    people: dict[str, User] = {}
    with acting(actor=User.objects.system(), via=VIA, at=at):
        teams = {name: Team.objects.create(name=name, created_at=at) for name in ("West", "East")}
        for first, last, local, role, team in PEOPLE:
            user = User(email=f"{local}@{DOMAIN}", first_name=first, last_name=last, role=role, created_at=at)
            user.team = teams.get(team)
            user.password = secret
            user.save()
            people[first.lower()] = user
        for team_row in teams.values():
            team_row.manager = people["maya"]
            team_row.save(update_fields=["manager"])
    return Cast(**people)


def logins() -> str:
    """The table of who can log in, for the terminal."""
    rows = [(f"{local}@{DOMAIN}", f"{first} {last}", WHAT_THEY_DO[role]) for first, last, local, role, _ in PEOPLE]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = [f"  {email.ljust(widths[0])}  {name.ljust(widths[1])}  {does}" for email, name, does in rows]
    return "\n".join([f"Log in as any of these; the password of all is: {PASSWORD}", *lines])
