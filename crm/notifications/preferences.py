"""What somebody wants to be told of, and by which way; what the handbook always sends cannot be turned off."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import transaction

from crm import handbook
from crm.core.errors import Missing, Refused
from crm.core.permissions import may
from crm.notifications.models import Muted
from crm.notifications.rules import rule_of, sends_email
from crm.people.models import User

Way = Muted.Way
# A kind of notice and a way.
Choice = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Offer:
    """One kind as the page offers it: by which ways it comes now, and why one of them cannot be changed."""

    kind: str
    label: str
    bell: bool
    email: bool
    always: bool
    by_email: bool
    why: str


def offers_of(user: User) -> list[Offer]:
    """Every kind of the handbook with what this person chose."""
    off = set(Muted.objects.filter(user=user).values_list("kind", "way"))
    found = []
    for rule in handbook.current().notices.kinds:
        why = "Always sent, so that nobody waits unseen." if rule.always else "" if rule.email else "By the bell only."
        found.append(
            Offer(
                rule.kind,
                rule.label,
                bell=rule.always or (rule.kind, Way.BELL) not in off,
                email=rule.email and (rule.always or (rule.kind, Way.EMAIL) not in off),
                always=rule.always,
                by_email=rule.email,
                why=why,
            )
        )
    return found


def choices() -> list[Choice]:
    """What can be turned off."""
    return [
        (rule.kind, way)
        for rule in handbook.current().notices.kinds
        if not rule.always
        for way in (Way.BELL, Way.EMAIL)
        if way == Way.BELL or rule.email
    ]


@transaction.atomic
def choose_notices(user: User, *, off: Collection[Choice], actor: User) -> None:
    """Turn these off and everything else on.

    Raises:
        Refused: `forbidden` for who is somebody else, `always_sent` for what cannot be turned off.
    """
    if actor.pk != user.pk or not may(actor, "change", Muted):
        raise Refused("forbidden", "Everybody chooses for themselves.")
    for kind, way in off:
        rule = rule_of(kind)
        if rule is None or way not in Way.values:
            raise Refused("unknown_notice", f"There is no “{kind}” by “{way}”.")
        if rule.always:
            message = f"“{rule.label}” is always sent."
            raise Refused("always_sent", message, [Missing("always_sent", message, "notices")])
    mine = Muted.objects.filter(user=user)
    offered = {kind for kind, _ in choices()}
    # What the handbook does not offer now stays as it was chosen, should it come back.
    mine.filter(kind__in=offered).exclude(pk__in=[row.pk for row in mine if (row.kind, row.way) in set(off)]).delete()
    Muted.objects.bulk_create([Muted(user=user, kind=k, way=w) for k, w in sorted(off)], ignore_conflicts=True)


def context_of(user: User) -> dict[str, object]:
    """What the part of the profile page shows."""
    offers: Sequence[Offer] = offers_of(user)
    return {"offers": offers, "sends_email": sends_email()}
