"""List views of somebody who leaves: what they shared becomes everybody's, what was theirs alone stays unseen."""

from __future__ import annotations

from django.db.models import QuerySet

from crm.people.leaving import Ending, Leaving, ends
from crm.people.models import User
from crm.workspace.models import ListView
from crm.workspace.naming import free_title


def shared_by(user: User) -> QuerySet[ListView]:
    """The views that this person shares with everybody."""
    return ListView.objects.filter(user=user, shared=True).order_by("pk")


def said(user: User) -> str:
    """How many become everybody's."""
    count = shared_by(user).count()
    if not count:
        return ""
    views = "list view that they share: it becomes" if count == 1 else "list views that they share: they become"
    return f"{count} {views} everybody's, and administrators look after {'it' if count == 1 else 'them'}"


def hand_over_views(leaving: Leaving) -> None:
    """Give what they share to everybody; a name that everybody has already gets theirs behind it."""
    for view in shared_by(leaving.user):
        view.user, view.shared = None, False
        view.title = free_title(view, str(leaving.user))
        view.save(update_fields=["user", "shared", "title"])


ends(Ending(said, hand_over_views))
