"""The table of what can be broken: for each rule about pages and each about configuration, a change that it alone sees.

    add("accounts.top", "somebody takes a field from the top of account pages", breaks, restored("layout.account"))

`breaks` and `fixes` get the world that all rows share (`tests/checkups/test_mutations.py` makes it once and undoes each
row): one active person, an SDR who owns a record of each kind, and the system's own account, which does what an
administrator would. What `breaks` changes outside the database (a registry, an environment), `fixes` puts back; it is
always called. A row whose change no page can show says `rendered=False`: no page is then rendered for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm.core.acting import acting
from crm.people.models import User
from crm.workspace.editing import restore
from crm.workspace.models import ListView, PageLayout, RoleTabs


@dataclass(frozen=True, slots=True)
class World:
    """Who is there when something is broken, and the moment it is broken at."""

    sdr: User
    system: User
    at: datetime


Step = Callable[[World], object]


@dataclass(frozen=True, slots=True)
class Mutation:
    """Something that is broken, the one rule that has to see it, and what puts it right."""

    rule: str
    what: str
    breaks: Step
    fixes: Step
    rendered: bool = True


MUTATIONS: list[Mutation] = []


def add(rule: str, what: str, breaks: Step, fixes: Step, *, rendered: bool = True) -> None:
    """One row of the table."""
    MUTATIONS.append(Mutation(rule, what, breaks, fixes, rendered))


# --- steps ------------------------------------------------------------------------------------------------------------


def restored(*items: str) -> Step:
    """Put items of the workspace back to what the handbook says, by the door that administrators use."""

    def step(world: World) -> None:
        for item in items:
            restore(item, actor=world.system, at=world.at, via="command")

    return step


def layout(kind: str, change: Callable[[dict[str, Any]], object]) -> Step:
    """Change the stored layout of a kind of record: `change` gets its body."""

    def step(world: World) -> None:
        row = PageLayout.objects.get(object=kind)
        change(row.body)
        _save(row, world)

    return step


def tabs(role: str, change: Callable[[list[dict[str, str]]], object]) -> Step:
    """Change the stored tabs of a role: `change` gets their list."""

    def step(world: World) -> None:
        row = RoleTabs.objects.get(role=role)
        change(row.tabs)
        _save(row, world)

    return step


def view(kind: str, key: str, **values: Any) -> Step:
    """Change a stored list view of everybody's."""

    def step(world: World) -> None:
        row = ListView.objects.get(object=kind, key=key)
        for name, value in values.items():
            setattr(row, name, value)
        _save(row, world)

    return step


def section(body: dict[str, Any], title: str) -> list[str]:
    """The fields of a section of a layout's body, to be changed in place."""
    found: list[str] = next(one["fields"] for one in body["sections"] if one["title"] == title)
    return found


def _save(row: Any, world: World) -> None:
    with acting(actor=world.system, via="test", at=world.at):
        row.save()
