"""Findings of somebody who leaves: whoever takes their records takes these; without such a one, nobody has them."""

from __future__ import annotations

from django.db.models import QuerySet

from crm.checkups.models import Finding, Step
from crm.people.leaving import Ending, Leaving, ends
from crm.people.models import User


def assigned_to(user: User) -> QuerySet[Finding]:
    """What is assigned to them and still so."""
    return Finding.objects.standing().filter(assignee=user).order_by("pk")


def said(user: User) -> str:
    """How many are handed over."""
    count = assigned_to(user).count()
    findings = "finding of checkups: it goes" if count == 1 else "findings of checkups: they go"
    return f"{count} {findings} to whoever takes the rest over, else to nobody" if count else ""


def hand_over_findings(leaving: Leaving) -> None:
    """Give them to the heir, and say so in their history."""
    theirs = list(assigned_to(leaving.user).select_for_update(of=("self",)))
    text = f"To {leaving.heir}: {leaving.user} left" if leaving.heir else f"Taken back: {leaving.user} left"
    Finding.objects.filter(pk__in=[one.pk for one in theirs]).update(assignee=leaving.heir)
    Step.objects.bulk_create(
        Step(finding=one, kind=Step.Kind.ASSIGNED, at=leaving.at, by=leaving.actor, text=text) for one in theirs
    )


ends(Ending(said, hand_over_findings))
