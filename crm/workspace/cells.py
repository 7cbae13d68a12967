"""The cells of a page's sections: which field is an input where, and which is text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from crm.core.flow import Stateful
from crm.workspace.fields import Field, find
from crm.workspace.layouts import Section

OWN = "own_"


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of a section: a field, and the form's fields that it is edited by; none: it is text."""

    field: Field
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A section of a page with its cells."""

    title: str
    cells: Sequence[Cell] = field(default_factory=list)


def groups_of(
    kind: type[models.Model], sections: Sequence[Section], *, may_edit: bool, text_only: Collection[str]
) -> list[Group]:
    """The sections with the fields that there are; one named several times is an input in the first place."""
    used: set[str] = set()

    def cell(found: Field) -> Cell:
        names = inputs_of(kind, found, text_only=text_only) if may_edit else ()
        if not names or used.intersection(names):
            return Cell(found)
        used.update(names)
        return Cell(found, names)

    return [
        Group(section.title, [cell(found) for name in section.fields if (found := find(kind, name)) is not None])
        for section in sections
    ]


def inputs_of(kind: type[models.Model], found: Field, *, text_only: Collection[str]) -> tuple[str, ...]:
    """The form's fields that a field is edited by; none when it is not edited on a page."""
    if found.kept_as:
        return (f"{OWN}{found.name}",)
    if found.name in text_only:
        return ()
    names = (found.column,) if found.column else found.parts
    return names if names and all(editable(kind, name, text_only) for name in names) else ()


def editable(kind: type[models.Model], name: str, text_only: Collection[str]) -> bool:
    """Whether a form may write this column: a status changes by moves, and so do the facts of moves."""
    if name in text_only:
        return False
    if issubclass(kind, Stateful) and name in (kind.FLOW, f"{kind.FLOW}_since"):
        return False
    column: Any = kind._meta.get_field(name)
    return bool(column.editable) and not isinstance(column, models.JSONField)


def for_a_new_one(kind: type[models.Model], groups: Sequence[Group], *, needed: Sequence[str]) -> list[Group]:
    """The sections of the page that makes one: what is needed first, and nothing that is only text.

    A column that has to be given is asked for even if the layout does not name it.
    """
    cells = {name: one for group in groups for one in group.cells for name in one.inputs}
    first = [*needed, *(name for name in _required(kind) if name not in needed)]
    asked: list[Cell] = []
    for name in first:
        found = cells.get(name) or _unplaced(kind, name)
        if found is not None and found not in asked:
            asked.append(found)
    rest = [Group(group.title, [one for one in group.cells if one.inputs and one not in asked]) for group in groups]
    title = str(kind._meta.verbose_name)
    # What else stands in the section of that name comes under the one heading.
    same = [group for group in rest if group.title.casefold() == title.casefold()]
    first_cells = [*asked, *(one for group in same for one in group.cells)]
    groups = [Group(title, first_cells), *(group for group in rest if group not in same)]
    return [group for group in groups if group.cells]


def _required(kind: type[models.Model]) -> Iterator[str]:
    for column in kind._meta.concrete_fields:
        if not column.blank and not column.has_default() and editable(kind, column.name, ()) and not column.primary_key:
            yield column.name


def _unplaced(kind: type[models.Model], name: str) -> Cell | None:
    found = find(kind, name)
    return Cell(found, (name,)) if found is not None else None
