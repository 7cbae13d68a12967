"""Where tabs, list views and layouts depart from the handbook (K5): what it says, and what is here, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.text import capfirst

from crm import handbook
from crm.core.panels import panels_for
from crm.handbook.document import Handbook
from crm.workspace.fields import find
from crm.workspace.models import OBJECTS, ListView, PageLayout, RoleTabs
from crm.workspace.validity import model_of
from crm.workspace.wanted import layouts, tabs, views

NOTHING = "nothing"
OPERATORS = {
    "is": "is",
    "is_not": "is not",
    "empty": "is empty",
    "not_empty": "is not empty",
    "at_least": "is at least",
    "at_most": "is at most",
    "contains": "contains",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One part that departs, as the handbook has it and as it is here."""

    part: str
    handbook: str
    here: str


@dataclass(frozen=True, slots=True)
class Departure:
    """One item that departs from the handbook; `item` is what `restore` calls it."""

    item: str
    title: str
    lines: tuple[Line, ...]

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        parts = [{"part": one.part, "handbook": one.handbook, "here": one.here} for one in self.lines]
        return {"item": self.item, "title": self.title, "departs": parts}


def departures() -> list[Departure]:
    """Every item that is not as the handbook says: three queries; nothing on a fresh installation."""
    book = handbook.current()
    found = [*_tabs(book), *_views(book), *_layouts(book)]
    return [one for one in found if one.lines]


def _tabs(book: Handbook) -> Iterable[Departure]:
    wanted, here = tabs(book), dict(RoleTabs.objects.values_list("role", "tabs"))
    for role in dict.fromkeys([*wanted, *here]):
        theirs, ours = wanted.get(role), here.get(role)
        said, is_now = (None if one is None else {"tabs": _tab_words(book, one)} for one in (theirs, ours))
        title = f"Tabs of {book.label('roles', role)}"
        yield Departure(f"tabs.{role}", title, _lines({"tabs": "Tabs"}, said, is_now))


def _tab_words(book: Handbook, stored: Any) -> str:
    words = []
    for one in stored if isinstance(stored, list) else []:
        label, view = book.label("tabs", str(one.get("tab", ""))), one.get("view", "")
        words.append(f"{label} (opens on {view.replace('_', ' ')})" if view else label)
    return ", ".join(words)


def _views(book: Handbook) -> Iterable[Departure]:
    wanted = views(book)
    rows = ListView.objects.exclude(key="").values("object", "key", "title", "columns", "filters", "sort")
    here = {(row["object"], row["key"]): row for row in rows}
    parts = {"title": "Name", "columns": "Columns", "filters": "Conditions", "sort": "Sorted by"}
    for of, key in dict.fromkeys([*wanted, *here]):
        theirs, ours = wanted.get((of, key)), here.get((of, key))
        title = f"List view {(theirs or ours or {}).get('title', key)} ({dict(OBJECTS).get(of, of).lower()})"
        said, is_now = (None if one is None else _view_words(of, one) for one in (theirs, ours))
        yield Departure(f"view.{of}.{key}", title, _lines(parts, said, is_now))


def _view_words(of: str, view: Mapping[str, Any]) -> dict[str, str]:
    sort = view.get("sort") or ""
    label = _label(of, sort.removeprefix("-"))
    return {
        "title": str(view.get("title", "")),
        "columns": ", ".join(_label(of, name) for name in view.get("columns") or []),
        "filters": "; ".join(_condition(of, one) for one in view.get("filters") or []),
        "sort": f"{label}, downwards" if sort.startswith("-") else label,
    }


def _condition(of: str, one: Mapping[str, Any]) -> str:
    operator = OPERATORS.get(str(one.get("operator", "is")), str(one.get("operator")))
    values = " or ".join(str(value) for value in one.get("values") or [])
    return f"{_label(of, str(one.get('field', '')))} {operator} {values}".strip()


def _layouts(book: Handbook) -> Iterable[Departure]:
    wanted, here = layouts(book), dict(PageLayout.objects.values_list("object", "body"))
    for of in dict.fromkeys([*wanted, *here]):
        said, is_now = (None if one is None else _layout_words(of, one) for one in (wanted.get(of), here.get(of)))
        parts = {name: name for name in [*(said or {}), *(is_now or {})]}
        yield Departure(f"layout.{of}", f"Page of {_plural(of)}", _lines(parts, said, is_now))


def _layout_words(of: str, body: Any) -> dict[str, str]:
    """The parts of a page in words; sections by their titles, and in which order they stand."""
    body = body if isinstance(body, dict) else {}
    panels = panels_for(model_of(of)) if of in dict(OBJECTS) else {}
    sections = [one for one in body.get("sections") or [] if isinstance(one, dict)]
    words = {
        "Top": ", ".join(_label(of, name) for name in body.get("top") or []),
        "Sections": ", ".join(str(one.get("title", "")) for one in sections),
        **{
            f"Section {one.get('title', '')}": ", ".join(_label(of, name) for name in one.get("fields") or [])
            for one in sections
        },
    }
    for place, title in (("right", "On the right"), ("bottom", "At the bottom")):
        names = body.get(place) or []
        words[title] = ", ".join(panels[name].title if name in panels else name for name in names)
    links = [one for one in body.get("links") or [] if isinstance(one, dict)]
    words["Useful links"] = ", ".join(f"{one.get('label', '')}: {one.get('url', '')}" for one in links)
    return words


def _lines(
    parts: Mapping[str, str], said: Mapping[str, str] | None, is_now: Mapping[str, str] | None
) -> tuple[Line, ...]:
    if is_now is None:
        return (Line("Whole", "there", "taken away"),)
    if said is None:
        return (Line("Whole", "not there", "there"),)
    return tuple(
        Line(title, said.get(name) or NOTHING, is_now.get(name) or NOTHING)
        for name, title in parts.items()
        if (said.get(name) or "") != (is_now.get(name) or "")
    )


def _label(of: str, name: str) -> str:
    field = find(model_of(of), name) if name and of in dict(OBJECTS) else None
    return str(capfirst(field.label)) if field is not None else name


def _plural(of: str) -> str:
    return str(model_of(of)._meta.verbose_name_plural) if of in dict(OBJECTS) else of
