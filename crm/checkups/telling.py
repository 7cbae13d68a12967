"""Who is told what of checkups: the DRI of a run, the owner of a rule that finds more than before, an assignee."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.urls import reverse

from crm import handbook
from crm.checkups.models import Run
from crm.checkups.rules import Rule
from crm.notifications.services import Notice, Post, notify
from crm.people.models import User
from crm.people.presence import Presence


def behind(dri: str, *, at: datetime) -> list[User]:
    """The people behind an email or the key of a role, or who stands in; while there is an administrator, somebody."""
    people = User.objects.active_people()
    named = list(people.filter(email__iexact=dri) if "@" in dri else people.filter(role=dri))
    presence = Presence(handbook.current().today(at))
    found = {one.pk: one for user in named if (one := presence.told(user)) is not None}
    if found:
        return list(found.values())
    roles = [role.key for role in handbook.current().roles_with("administrator")]
    return list(people.filter(role__in=roles))


def tell_of_rise(rule: Rule, total: int, before: int, *, run: Run, at: datetime) -> None:
    """The ratchet: a rule's findings may fall without a word, and rise only with one to its owner."""
    people = behind(rule.owner_by(handbook.current()), at=at)
    tell(
        people,
        kind="checkup_rose",
        key=f"checkup_rose:{rule.id}:{run.pk}",
        title=f"{rule.title}: {total} instead of {before}",
        text=f"The rule found {before} when it was run before, and {total} now.",
        address=reverse("admin:checkup_rule", args=[rule.id]),
        at=at,
    )


def tell(people: Iterable[User], *, kind: str, key: str, title: str, text: str, address: str, at: datetime) -> None:
    """One notice to each of them, and one post into the room that the handbook names for the kind."""
    notices = [Notice(to_id=one.pk, kind=kind, key=key, title=title, text=text, address=address) for one in people]
    notify(notices, at=at, posts=[Post(kind=kind, key=key, title=title, text=text, address=address)])
