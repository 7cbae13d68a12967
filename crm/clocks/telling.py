"""Who is told of the steps that clocks take, and in which words (R6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import cached_property

from crm import handbook
from crm.clocks.models import Clock
from crm.clocks.subjects import Subject
from crm.clocks.terms import Step, StepKind
from crm.notifications.services import Notice
from crm.people.models import User
from crm.people.presence import Presence

WEIGHT: dict[StepKind, int] = {"warned": 0, "breached": 1, "escalated": 2}
KIND = {"warned": "response_warned", "breached": "response_breached", "escalated": "response_escalated"}
WORDS = {"warned": "A limit is near", "breached": "A limit has passed", "escalated": "Nobody has answered yet"}


@dataclass(frozen=True, slots=True)
class Due:
    """The steps that one clock takes now: more than one when it was not looked at for a while. What it is about is None
    where nobody knows."""

    clock: Clock
    subject: Subject | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """One person is told of one step of one clock."""

    clock_id: int
    step: str
    notice: Notice


def tell(dues: Sequence[Due], *, at: datetime) -> list[Told]:
    """Who is told what, in a fixed number of queries; of several steps that concern a person, the most important."""
    people = People(at)
    found: list[Told] = []
    for due in dues:
        if due.clock.quiet:
            continue
        chosen: dict[int, Step] = {}
        for step in due.steps:
            # A warning that comes when its limit has passed is no warning: the breach is told.
            if step.kind == "warned" and step.at <= due.clock.limit_at <= at:
                continue
            for person in people.of(step, due.subject):
                before = chosen.get(person.pk)
                if before is None or WEIGHT[before.kind] <= WEIGHT[step.kind]:
                    chosen[person.pk] = step
        found += [Told(due.clock.pk, step.name, notice_of(due, step, to_id)) for to_id, step in chosen.items()]
    return found


def notice_of(due: Due, step: Step, to_id: int) -> Notice:
    """What one person reads: who waits, since when and until when, and where."""
    book, clock = handbook.current(), due.clock
    since, until = (f"{at.astimezone(book.zone):%Y-%m-%d %H:%M %Z}" for at in (clock.started_at, clock.limit_at))
    title = due.subject.title if due.subject else str(clock)
    return Notice(
        to_id,
        KIND[step.kind],
        f"clock:{clock.pk}:{clock.round}:{step.name}",
        f"{WORDS[step.kind]}: {title}",
        f"Waiting since {since}, to be answered by {until}.",
        due.subject.address if due.subject else "",
    )


class People:
    """Who stands behind "owner", "manager" and "administrators" today; read once, and only when asked for."""

    def __init__(self, at: datetime) -> None:
        self.presence = Presence(handbook.current().today(at))

    @cached_property
    def administrators(self) -> list[User]:
        """Everybody who runs setup and works here."""
        roles = [role.key for role in handbook.current().roles_with("administrator")]
        return list(User.objects.active_people().filter(role__in=roles).select_related("team__manager__team"))

    @cached_property
    def by_email(self) -> dict[str, User]:
        """Who is named by an email address in the policies."""
        named = {
            to.casefold()
            for policy in handbook.current().policies
            for escalation in policy.escalate
            for to in escalation.to
            if "@" in to
        }
        people = User.objects.active_people().filter(email_key__in=named).select_related("team__manager__team")
        return {user.email_key: user for user in people}

    def of(self, step: Step, subject: Subject | None) -> list[User]:
        """Whom a step is told to; never nobody, while there is an administrator."""
        told = [user for user in self._of(step, subject) if user is not None]
        return told or [user for user in self.administrators if user.is_active]

    def _of(self, step: Step, subject: Subject | None) -> Iterator[User | None]:
        owner, team = (subject.owner, subject.team) if subject else (None, None)
        for to in step.to if step.kind == "escalated" else ("owner",):
            if to == "owner":
                yield self.presence.told(owner) if owner else self.presence.manager_told(team)
            elif to == "manager":
                yield self.presence.manager_told(team or (owner.team if owner else None))
            elif to == "administrators":
                yield from self.administrators
            else:
                named = self.by_email.get(to.casefold())
                yield self.presence.told(named) if named else None
