"""Who stands behind "owner", "manager" and "administrators" on a day, so that a step is never told to nobody (R6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.utils.functional import cached_property

from crm import handbook
from crm.clocks.subjects import Subject
from crm.clocks.terms import Step
from crm.core.keys import compute_keys
from crm.people.models import Team, User
from crm.people.presence import Presence

WITH_MANAGER = "team__manager__team__manager"


class People:
    """Who is told today what concerns these subjects; read once, and only what is asked for."""

    def __init__(self, subjects: Iterable[Subject | None], *, at: datetime) -> None:
        self.presence = Presence(handbook.current().today(at))
        self.queues = {one.team.pk for one in subjects if one and one.owner is None and one.team is not None}

    def of(self, step: Step, subject: Subject | None) -> list[User]:
        """Whom a step is told to, each once; never nobody, while anybody has an administrator's rights."""
        found: dict[int, User] = {}
        for name in step.to if step.kind == "escalated" else ("owner",):
            for person in self.behind(name, subject) or self.anybody:
                found.setdefault(person.pk, person)
        return list(found.values())

    def behind(self, name: str, subject: Subject | None) -> list[User]:
        """Who is meant by a word of the handbook, or who stands in for them; nobody where there is none."""
        owner, queue = (subject.owner, subject.team) if subject else (None, None)
        team = queue or (owner.team if owner else None)
        if name == "owner":
            return _known([self.presence.told(owner)]) if owner else self.queue(queue)
        if name == "manager":
            return _known([self.presence.manager_told(team)])
        if name == "administrators":
            return self.administrators
        named = self.by_email.get(name)
        return _known([self.presence.told(named)]) if named else []

    def queue(self, team: Team | None) -> list[User]:
        """The people of a queue who are here, and its manager or who stands in."""
        if team is None:
            return []
        here = self.members.get(team.pk, [])
        return [*here, *_known([self.presence.manager_told(team)])]

    @cached_property
    def members(self) -> dict[int, list[User]]:
        """The people of each queue who are here today."""
        found: dict[int, list[User]] = {}
        for user in User.objects.active_people().filter(team__in=self.queues):
            if user.team_id is not None and self.presence.is_present(user):
                found.setdefault(user.team_id, []).append(user)
        return found

    @cached_property
    def managers(self) -> list[User]:
        """Everybody with a manager's rights who is here today."""
        return self._with("manager")

    @cached_property
    def administrators(self) -> list[User]:
        """Everybody who runs setup and is here today; those who are away, when nobody else is left."""
        return self._with("administrator") or self._all("administrator")

    @property
    def anybody(self) -> list[User]:
        """Who is told when the one meant is not there, nor anybody in their place."""
        return self.managers or self.administrators

    @cached_property
    def by_email(self) -> dict[str, User]:
        """Who is named by an email address in the policies; an address that nobody here has is not in it."""
        named = sorted(emails_named())
        if not named:
            return {}
        keys = dict(zip(named, compute_keys("email_key", named), strict=True))
        people = User.objects.active_people().filter(email_key__in=set(keys.values())).select_related(WITH_MANAGER)
        here = {user.email_key: user for user in people}
        return {email: here[key] for email, key in keys.items() if key in here}

    def _all(self, rights: str) -> list[User]:
        roles = [role.key for role in handbook.current().roles if role.rights == rights]
        return list(User.objects.active_people().filter(role__in=roles).order_by("pk"))

    def _with(self, rights: str) -> list[User]:
        return [user for user in self._all(rights) if self.presence.is_present(user)]


def emails_named() -> set[str]:
    """The addresses that the policies of the handbook escalate to."""
    policies = handbook.current().policies
    return {to for policy in policies for escalation in policy.escalate for to in escalation.to if "@" in to}


def _known(people: Sequence[User | None]) -> list[User]:
    return [person for person in people if person is not None]
