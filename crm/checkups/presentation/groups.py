"""Who is shown the same: people are put in groups by what decides it, so that a thousand cost as much as their groups.

What pages show is decided by the role (its rights, its tabs), by whether somebody is in a team (a condition of a list
view may be of "my team"), and by which of the views that the tabs open on they may look at: one of somebody's own is
theirs alone. Which team it is, whom they manage, their time zone, pins and absences change no mark of a page; a test
with random people, workspaces and records holds that (tests/checkups/test_groups.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from crm.handbook.schema import RECORD_TABS
from crm.people.models import User
from crm.workspace.models import ListView, RoleTabs


class Key(NamedTuple):
    """What decides what somebody is shown. `opens`: the views of others' that their tabs name and they do not see."""

    role: str
    in_team: bool
    hidden: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """One of a group, as far as records are chosen for them."""

    pk: int
    team: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """People who are shown the same, by their ids in order."""

    key: Key
    members: tuple[Member, ...]

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self.members)


def groups() -> list[Group]:
    """Every active person in a group, in the order of their keys: three queries at most, however many they are.

    Those whose role left the handbook are shown nothing: they are here, so that a run says so, and are a finding of
    their own (configuration.users_without_role).
    """
    tabs = dict(RoleTabs.objects.values_list("role", "tabs"))
    named = {role: _views_named(stored) for role, stored in tabs.items()}
    numbers = {int(one) for views in named.values() for _, one in views if one.isascii() and one.isdigit()}
    private = _private(numbers) if numbers else {}
    found: dict[Key, list[Member]] = {}
    people = User.objects.active_people().order_by("pk")
    for pk, role, team in people.values_list("pk", "role", "team_id"):
        found.setdefault(key_of(pk, role, team, named.get(role, ()), private), []).append(Member(pk, team))
    return [Group(key, tuple(found[key])) for key in sorted(found)]


def key_of(
    pk: int, role: str, team: int | None, named: Iterable[tuple[str, str]], private: Mapping[str, tuple[str, int]]
) -> Key:
    """The key of one person: `named` are the views that the tabs of their role open on, `private` whose they are."""
    hidden = {view for kind, view in named if view in private and private[view] != (kind, pk)}
    return Key(role, team is not None, tuple(sorted(hidden)))


def _views_named(stored: Any) -> list[tuple[str, str]]:
    """The kind of record and the view of each tab that opens on one."""
    tabs = [one for one in stored if isinstance(one, dict)] if isinstance(stored, list) else []
    pairs = [(RECORD_TABS.get(str(one.get("tab")), ""), str(one.get("view", ""))) for one in tabs]
    return [(kind, view) for kind, view in pairs if kind and view]


def _private(numbers: set[int]) -> dict[str, tuple[str, int]]:
    """Views by their number that only their owner sees."""
    rows = ListView.objects.filter(pk__in=numbers, shared=False, user__isnull=False)
    return {str(pk): (kind, user or 0) for pk, kind, user in rows.values_list("pk", "object", "user_id")}
