"""Putting back what people see: just the items that a finding is about, as the handbook has them (K5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from crm import handbook
from crm.checkups import replacing as replacing
from crm.checkups.fixes import Change, Fix, fix
from crm.checkups.models import Finding
from crm.core.permissions import may
from crm.handbook.schema import RECORD_TABS
from crm.people.models import User
from crm.workspace.drift import Departure, departures
from crm.workspace.editing import restore
from crm.workspace.models import PageLayout, RoleTabs
from crm.workspace.wanted import tabs


@fix("restore_layout", label="Put back")
class RestoreLayout(Fix):
    """A page's layout, a role's tabs or a list view is put back; administrators do that."""

    hint = "It is put back for everybody. What the handbook does not have is taken away with it."

    def why_not(self, finding: Finding, actor: User) -> str:
        if not may(actor, "change", PageLayout):
            return "Only administrators change what everybody sees: assign it to one of them."
        return ""

    def preview(self, finding: Finding, *, actor: User, at: datetime, **facts: Any) -> list[Change]:
        found = departing(finding)
        return [
            Change(one.title if line.part == "Whole" else f"{one.title}: {line.part}", line.here, line.handbook)
            for one in found
            for line in one.lines
        ]

    def apply(self, finding: Finding, *, actor: User, at: datetime, via: str, **facts: Any) -> str:
        found = departing(finding)
        for one in found:
            restore(one.item, actor=actor, at=at, via=via)
        return ", ".join(one.title for one in found)


def departing(finding: Finding) -> list[Departure]:
    """The items that depart from the handbook, of those that this finding is about."""
    wanted = set(items_of(finding))
    return [one for one in departures() if one.item in wanted or _is_view_of(one.item, finding)]


def items_of(finding: Finding) -> Iterator[str]:
    """The items by which `restore` knows what a finding is about."""
    what, _, name = finding.subject.partition(":")
    if what == "workspace":
        yield name
    elif what == "page":
        yield f"layout.{name}"
    elif what in ("tabs", "role"):
        yield from [f"tabs.{name}"] if name else [f"tabs.{role}" for role in tabs(handbook.current())]
    elif what == "list":
        yield from _tabs_opening_elsewhere(name)


def _is_view_of(item: str, finding: Finding) -> bool:
    """Whether it is a view that a tab opens on, by the handbook, of the list that a finding is about."""
    what, _, name = finding.subject.partition(":")
    opened = {one["view"] for every in tabs(handbook.current()).values() for one in every if one["view"]}
    return what == "list" and any(item == f"view.{name}.{view}" for view in opened)


def _tabs_opening_elsewhere(kind: str) -> Iterator[str]:
    """The roles whose tab of these records opens on another view than the handbook says."""
    here = dict(RoleTabs.objects.values_list("role", "tabs"))
    for role, wanted in tabs(handbook.current()).items():
        if _view_of(wanted, kind) != _view_of(here.get(role), kind):
            yield f"tabs.{role}"


def _view_of(stored: Any, kind: str) -> str:
    for one in stored if isinstance(stored, list) else []:
        if RECORD_TABS.get(str(one.get("tab", ""))) == kind:
            return str(one.get("view", ""))
    return ""
