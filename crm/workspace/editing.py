"""Changing what everybody sees: a layout, a role's tabs; each checked as a whole, logged, and never overwritten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db import models

from crm import handbook
from crm.core.acting import acting
from crm.core.errors import Missing, Refused, Stale
from crm.core.permissions import may
from crm.people.models import User
from crm.workspace.models import ListView, PageLayout, RoleTabs, Seeded
from crm.workspace.naming import make_room
from crm.workspace.validity import layout_problems, model_of, tabs_problems
from crm.workspace.wanted import layouts, tabs, views

Row = TypeVar("Row", PageLayout, RoleTabs)
FORBIDDEN = "Only administrators change what everybody sees."


def change_layout(
    kind: str, body: Mapping[str, Any], *, actor: User, at: datetime, via: str, version: int | None
) -> PageLayout:
    """Store the layout of a kind of record; `version` is the one it was opened with, None when there was none.

    Raises:
        Refused: `forbidden`; `missing_facts` with all that will not do.
        Stale: when somebody else changed it meanwhile.
    """
    _check_right(actor, via, PageLayout)
    _check(layout_problems(model_of(kind), body))
    with acting(actor=actor, via=via, at=at):
        row = _opened(PageLayout, version, object=kind)
        row.body = dict(body)
        row.save()
        return row


def change_tabs(
    role: str, wanted: Sequence[Mapping[str, str]], *, actor: User, at: datetime, via: str, version: int | None
) -> RoleTabs:
    """Store the tabs of a role in their order, each with the view it opens on.

    Raises:
        Refused: `forbidden`; `missing_facts` with all that will not do.
        Stale: when somebody else changed them meanwhile.
    """
    _check_right(actor, via, RoleTabs)
    problems = tabs_problems(wanted)
    if role not in dict(handbook.current().choices("roles")):
        problems.append(Missing("unknown_role", f"There is no role “{role}”."))
    _check(problems)
    with acting(actor=actor, via=via, at=at):
        row = _opened(RoleTabs, version, role=role)
        row.tabs = [dict(one) for one in wanted]
        row.save()
        return row


def restore(item: str, *, actor: User, at: datetime, via: str) -> None:
    """Put one item (`layout.account`, `view.account.customers`, `tabs.sdr`) back to what the handbook says.

    What the handbook does not have (any more) is taken away.

    Raises:
        Refused: `forbidden`; `unknown_item`.
    """
    kind, _, name = item.partition(".")
    book = handbook.current()
    with acting(actor=actor, via=via, at=at, reason="Put back to what the handbook says"):
        if kind == "layout":
            _check_right(actor, via, PageLayout)
            body = layouts(book).get(name)
            _put(PageLayout, {"object": name}, None if body is None else {"body": body}, item)
        elif kind == "tabs":
            _check_right(actor, via, RoleTabs)
            found = tabs(book).get(name)
            _put(RoleTabs, {"role": name}, None if found is None else {"tabs": found}, item)
        elif kind == "view":
            _check_right(actor, via, PageLayout)
            of, _, key = name.partition(".")
            if not key:
                raise _unknown(item)
            view = views(book).get((of, key))
            if view is not None:
                make_room(of, key, view["title"])
            _put(ListView, {"object": of, "key": key}, view, item)
        else:
            raise _unknown(item)
        Seeded.objects.get_or_create(kind=kind, item=name)


def _put(kind: type[models.Model], key: dict[str, str], values: Mapping[str, Any] | None, item: str) -> None:
    """Give the row these values, make it, or take it away when the handbook has none."""
    row = kind._default_manager.select_for_update().filter(**key).first()
    if values is None:
        if row is None:
            raise _unknown(item)
        row.delete()
        return
    if row is None:
        kind._default_manager.create(**key, **values)
    elif any(getattr(row, name) != value for name, value in values.items()):
        for name, value in values.items():
            setattr(row, name, value)
        row.save()


def _opened(kind: type[Row], version: int | None, **key: str) -> Row:
    """The row as it was opened, locked; a new one when there was none."""
    row = kind._default_manager.select_for_update().filter(**key).first()
    if row is None and version is None:
        return kind(**key)
    if row is None:
        raise Stale("Somebody else put this away since you opened it.")
    if row.version != version:
        raise Stale("Somebody else changed this since you opened it.")
    return row


def _check_right(actor: User, via: str, kind: type[models.Model]) -> None:
    # Whoever may run commands has the database anyway.
    if via != "command" and not may(actor, "change", kind):
        raise Refused("forbidden", FORBIDDEN)


def _check(problems: Sequence[Missing]) -> None:
    if problems:
        raise Refused("missing_facts", " ".join(one.message for one in problems), problems)


def _unknown(item: str) -> Refused:
    return Refused("unknown_item", f"There is no “{item}” here, nor in the handbook.")
