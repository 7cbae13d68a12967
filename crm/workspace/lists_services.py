"""Keeping list views: saving, sharing, deleting and pinning them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from crm.core.acting import acting
from crm.core.errors import Missing, Refused
from crm.core.permissions import may
from crm.core.text import tidy
from crm.people.models import User
from crm.workspace.conditions import read_condition
from crm.workspace.fields import find
from crm.workspace.lists_chosen import kind_named
from crm.workspace.models import LONGEST_TITLE, ListView, Pin

MOST_COLUMNS, MOST_CONDITIONS = 30, 20
ONCE = "workspace_view_title_once"


def save_view(view: ListView, *, actor: User, at: datetime, via: str) -> ListView:
    """Store a new view, or what changed of one.

    Raises:
        Refused: `forbidden`; `missing_facts` with `needs_title`, `name_taken`, `needs_columns`, `too_many` or what is
            wrong with a field or a condition.
        Stale: when somebody else changed it since it was read.
    """
    if not may(actor, "change" if view.pk else "add", view):
        raise Refused("forbidden", "You change your own views; an administrator those of everybody.")
    view.title = tidy(view.title)
    if missing := list(wrong_with(view, actor=actor, at=at)):
        raise Refused("missing_facts", "The view cannot be saved yet.", missing)
    # A view of nobody is everybody's: there is nobody to share it.
    view.shared = view.shared and view.user_id is not None
    with acting(actor=actor, via=via, at=at):
        try:
            with transaction.atomic():
                view.save()
        except IntegrityError as error:
            if ONCE not in str(error):
                raise
            raise Refused("missing_facts", "The view cannot be saved yet.", [_taken(view)]) from None
    return view


def wrong_with(view: ListView, *, actor: User, at: datetime) -> Iterator[Missing]:
    """What keeps a view from being stored, each fact with its field."""
    kind = kind_named(view.object)
    if not view.title:
        yield Missing("needs_title", "Give the view a name.", "title")
    elif len(view.title) > LONGEST_TITLE:
        yield Missing("too_long", f"A name has at most {LONGEST_TITLE} characters.", "title")
    elif ListView.objects.same_named(view).exists():
        yield _taken(view)
    if not view.columns:
        yield Missing("needs_columns", "A view needs at least one column.", "columns")
    if len(view.columns) > MOST_COLUMNS:
        yield Missing("too_many", f"A view has at most {MOST_COLUMNS} columns.", "columns")
    if len(view.filters) > MOST_CONDITIONS:
        yield Missing("too_many", f"A view has at most {MOST_CONDITIONS} conditions.", "filters")
    for name in view.columns:
        if find(kind, name) is None:
            yield Missing("unknown_field", f"There is no field “{name}” any more: take its column away.", "columns")
    for place, stored in enumerate(view.filters):
        try:
            read_condition(kind, stored, reader=actor, at=at)
        except Refused as refusal:
            yield Missing(refusal.code, refusal.message, f"filters.{place}")
    if view.sort and find(kind, view.sort.removeprefix("-")) is None:
        yield Missing("unknown_field", "There is no such field to sort by any more.", "sort")


def _taken(view: ListView) -> Missing:
    whose = "You have" if view.user_id else "Everybody has"
    return Missing("name_taken", f"{whose} a view called “{view.title}” already: choose another name.", "title")


def share_view(view: ListView, *, shared: bool, version: int | None, actor: User, at: datetime, via: str) -> ListView:
    """Show a view of one's own to everybody, or no longer.

    Raises:
        Refused: `forbidden`, or `not_yours` for a view that is everybody's.
        Stale: when it was changed since.
    """
    if not may(actor, "change", view):
        raise Refused("forbidden", "Who made a view shares it.")
    if view.user_id is None:
        raise Refused("not_yours", "This view is everybody's already.")
    if version is not None:
        view.version = version
    view.shared = shared
    with acting(actor=actor, via=via, at=at):
        view.save(update_fields=["shared"])
    return view


def delete_view(view: ListView, *, actor: User, at: datetime, via: str) -> None:
    """Delete a view; what it showed stays where it is, and pins of it go.

    Raises:
        Refused: `forbidden`.
    """
    if not may(actor, "delete", view):
        raise Refused("forbidden", "You delete your own views; an administrator those of everybody.")
    with acting(actor=actor, via=via, at=at):
        view.delete()


def pin_view(view: ListView, *, pinned: bool, actor: User, at: datetime, via: str) -> None:
    """Keep a view at hand, or no longer: the first in one's own menu. What a tab opens on stays what it is (C16).

    Raises:
        Refused: `forbidden` for a view that is not shared with this person.
    """
    if not may(actor, "view", view):
        raise Refused("forbidden", "This view is not shared with you.")
    with acting(actor=actor, via=via, at=at):
        if pinned:
            Pin.objects.bulk_create([Pin(user=actor, view=view)], ignore_conflicts=True)
        else:
            Pin.objects.filter(user=actor, view=view).delete()


def opened_by(view: ListView) -> Sequence[Any]:
    """The roles whose tab opens on this view."""
    from crm.handbook.schema import RECORD_TABS
    from crm.workspace.lists_chosen import handle
    from crm.workspace.models import RoleTabs

    names = {handle(view), str(view.pk)}
    return [
        one.role
        for one in RoleTabs.objects.order_by("pk")
        if any(
            isinstance(tab, dict) and RECORD_TABS.get(str(tab.get("tab"))) == view.object and tab.get("view") in names
            for tab in one.tabs
        )
    ]
