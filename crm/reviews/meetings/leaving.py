"""Somebody leaves who holds the minutes of a meeting: it goes on, and whoever is there takes them over."""

from __future__ import annotations

from django.db.models import F

from crm.people.leaving import Ending, Leaving, ends
from crm.people.models import User
from crm.reviews.models import Meeting


def said(user: User) -> str:
    """What they hold."""
    count = Meeting.objects.running().filter(holder=user).count()
    if not count:
        return ""
    what = "the minutes of a meeting that runs" if count == 1 else f"the minutes of {count} meetings that run"
    return f"{what}: whoever is there takes them over"


def let_go(leaving: Leaving) -> None:
    """Nobody holds them; those who follow see it."""
    theirs = Meeting.objects.running().filter(holder=leaving.user)
    theirs.update(holder=None, held_since=None, revision=F("revision") + 1)


ends(Ending(said, let_go))
