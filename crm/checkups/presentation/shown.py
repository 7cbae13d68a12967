"""What a rule about pages gets to see: one page as one person was shown it, and what was opened from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.text import capfirst

from crm import handbook
from crm.checkups.presentation.reading import Link, Page
from crm.core.panels import panels_for
from crm.handbook.schema import RECORD_TABS
from crm.people.models import User
from crm.workspace.fields import find
from crm.workspace.lists_chosen import kind_named

TABS, LIST, PAGE = "tabs", "list", "page"


@dataclass(frozen=True, slots=True)
class OpenedTab:
    """A tab that was clicked on: its key, empty for one that the handbook does not know, and what came of it."""

    key: str
    link: Link
    page: Page | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ShownTabs:
    """The tabs of a role as one person with it is shown them."""

    reader: User
    tabs: tuple[OpenedTab, ...]

    @property
    def subject(self) -> str:
        """What findings about them are about."""
        return f"tabs:{self.reader.role}"

    @property
    def label(self) -> str:
        """The same in words."""
        return f"Tabs of {handbook.current().label('roles', self.reader.role)}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A list, or the page of a record."""

    reader: User
    kind: type[models.Model]
    page: Page
    record: Any = None

    @property
    def name(self) -> str:
        """The kind of record by its name."""
        return str(self.kind._meta.model_name)

    @property
    def subject(self) -> str:
        """What findings about it are about: every page of the kind is one."""
        return subject_of(PAGE if self.record is not None else LIST, self.kind)

    @property
    def label(self) -> str:
        """The same in words."""
        return label_of(PAGE if self.record is not None else LIST, self.kind)

    def words(self, *names: str) -> str:
        """Fields as people read them."""
        return ", ".join(field_words(self.kind, name) for name in names) or "nothing"

    def panel(self, name: str) -> str:
        """A panel as people read it."""
        found = panels_for(self.kind).get(name)
        return found.title if found else name


def subject_of(part: str, kind: type[models.Model]) -> str:
    """`page:account`, `list:account`."""
    return f"{part}:{kind._meta.model_name}"


def label_of(part: str, kind: type[models.Model]) -> str:
    """What findings about a list or a page call it."""
    plural = str(kind._meta.verbose_name_plural)
    return f"Page of {plural}" if part == PAGE else f"List of {plural}"


def field_words(kind: type[models.Model], name: str) -> str:
    """A field as people read it; its name when there is none any more."""
    found = find(kind, name)
    return str(capfirst(found.label)) if found else name


def kinds_expected() -> list[type[models.Model]]:
    """The kinds of record that the handbook expects something of, in its order."""
    return [kind_named(page.object) for page in handbook.current().checkups.pages]


def tab_of(kind: type[models.Model]) -> str:
    """The key of the tab that lists this kind of record."""
    return next((tab for tab, name in RECORD_TABS.items() if name == kind._meta.model_name), "")
