"""The menu of a list's views: which there are, which one this is, and what may be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from crm.core.asking import user_of
from crm.core.permissions import may
from crm.people.models import User
from crm.workspace.board import BOARD, DISPLAY
from crm.workspace.lists_chosen import VIEW, Chosen, handle
from crm.workspace.models import ListView

if TYPE_CHECKING:
    from crm.workspace.lists import ViewChangeList


@dataclass(frozen=True, slots=True)
class Entry:
    """One view in the menu."""

    view: ListView
    address: str
    note: str
    current: bool
    pinned: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Views of one sort under a heading."""

    title: str
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Menu:
    """What the list page shows above its rows."""

    chosen: Chosen
    changed: bool
    groups: Sequence[Group]
    here: str
    save_as: str
    export: str
    may_change: bool
    may_share: bool
    owned: str


def menu_of(request: HttpRequest, found: ViewChangeList) -> Menu:
    """The menu of one list, pinned views first."""
    user, chosen = user_of(request), found.view
    stored = chosen.view.pk is not None
    query = request.GET.copy()
    query.pop("p", None)
    query.pop(DISPLAY, None)
    name = str(found.opts.model_name)
    base = f"{found.opts.app_label}_{name}"
    admin: Any = found.model_admin
    export = ""
    if admin.may_export(request):
        export = f"{reverse(f'admin:{base}_bulk', args=['export'])}?{urlencode([('all', '1'), *_pairs(query)])}"
    changes = stored and may(user, "change", chosen.view)
    return Menu(
        chosen,
        found.changed,
        groups_of(user, chosen, request.path, board=found.board is not None),
        request.get_full_path(),
        f"{reverse('admin:view_add')}?{urlencode({'object': name, 'list': query.urlencode()})}",
        export,
        changes,
        changes and chosen.view.user_id == user.pk,
        whose(chosen.view, user),
    )


def groups_of(user: User, chosen: Chosen, path: str, *, board: bool = False) -> list[Group]:
    """Pinned, everybody's, one's own, shared by others; groups without a view are left out. A board stays one."""
    display = {DISPLAY: BOARD} if board else {}
    entries = [
        Entry(
            view,
            f"{path}?{urlencode({VIEW: handle(view), **display})}",
            "" if view.user_id in (None, user.pk) else f"by {view.user}",
            view.pk == chosen.view.pk,
            bool(getattr(view, "pinned", False)),
        )
        for view in chosen.views
    ]
    rest = [one for one in entries if not one.pinned]
    found = [
        Group("Pinned", [one for one in entries if one.pinned]),
        Group("Everybody's", [one for one in rest if one.view.user_id is None]),
        Group("Yours", [one for one in rest if one.view.user_id == user.pk]),
        Group("Shared by others", [one for one in rest if one.view.user_id not in (None, user.pk)]),
    ]
    return [group for group in found if group.entries]


def whose(view: ListView, user: User) -> str:
    """Whose view it is, in a word or two."""
    if view.pk is None:
        return ""
    if view.user_id is None:
        return "Everybody's"
    if view.user_id == user.pk:
        return "Yours, shared with everybody" if view.shared else "Yours alone"
    return f"Shared by {view.user}"


def _pairs(query: Any) -> list[tuple[str, str]]:
    return [(name, value) for name, values in query.lists() for value in values]
