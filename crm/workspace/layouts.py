"""What a record's page shows, read from its row; where there is none, the handbook's (K5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models

from crm import handbook
from crm.core.panels import panels_for
from crm.workspace.fields import Field, find
from crm.workspace.models import PageLayout


@dataclass(frozen=True, slots=True)
class Section:
    """A headed group of fields, by their names."""

    title: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """One kind of record's page: names of fields and panels in their order; links as label and address."""

    top: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    right: tuple[str, ...] = ()
    bottom: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that it names, each once, in the order of the page."""
        names = [*self.top, *(name for section in self.sections for name in section.fields)]
        return tuple(dict.fromkeys(names))

    def unknown(self, kind: type[models.Model]) -> list[str]:
        """The names it has that no field and no panel of this kind of record bears, or no longer."""
        panels = panels_for(kind)
        gone = [name for name in self.fields if find(kind, name) is None]
        return gone + [name for name in (*self.right, *self.bottom) if name not in panels]

    def known_fields(self, kind: type[models.Model]) -> dict[str, Field]:
        """The fields that it names, by name, those that are gone left out."""
        return {name: found for name in self.fields if (found := find(kind, name)) is not None}


def layout_from(body: Any) -> Layout:
    """The layout that a stored body describes; what has the wrong form in it is passed over."""
    body = body if isinstance(body, dict) else {}
    return Layout(
        _names(body.get("top")),
        tuple(
            Section(str(one.get("title", "")), _names(one.get("fields")))
            for one in _list(body.get("sections"))
            if isinstance(one, dict)
        ),
        _names(body.get("right")),
        _names(body.get("bottom")),
        tuple(
            (one["label"], one["url"])
            for one in _list(body.get("links"))
            if isinstance(one, dict) and isinstance(one.get("label"), str) and isinstance(one.get("url"), str)
        ),
    )


def stored_layout(kind: type[models.Model]) -> Layout:
    """The layout in force of a kind of record: one query."""
    name = str(kind._meta.model_name)
    body = PageLayout.objects.filter(object=name).values_list("body", flat=True).first()
    if body is None:
        wanted = handbook.current().layout_of(name)
        body = wanted.model_dump(mode="json") if wanted else {}
    return layout_from(body)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _names(value: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in _list(value) if isinstance(one, str)))
