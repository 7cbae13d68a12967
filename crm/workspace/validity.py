"""What may be stored as a layout, a view or a role's tabs: every name is known, each stands once, links are safe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.apps import apps
from django.db import models

from crm import handbook
from crm.core.errors import Missing
from crm.core.panels import panels_for
from crm.handbook.document import Handbook
from crm.handbook.problems import guess
from crm.handbook.schema import RECORD_TABS
from crm.handbook.values import is_web_template
from crm.workspace.fields import fields_of, find
from crm.workspace.models import OBJECTS, ListView

LONGEST_TITLE = 80
# The models of the kinds of record that have layouts and views, by the handbook's name for them.
APPS = {"lead": "leads", "account": "accounts", "contact": "accounts"}


def model_of(kind: str) -> type[models.Model]:
    """The model of a kind of record that has layouts and views.

    Raises:
        LookupError: when it is none of them.
    """
    if kind not in dict(OBJECTS):
        raise LookupError(kind)
    return apps.get_model(APPS.get(kind, "contracts"), kind)


def layout_problems(kind: type[models.Model], body: Mapping[str, Any], book: Handbook | None = None) -> list[Missing]:
    """Everything that will not do about a layout; each with the place it is about."""
    return [
        *_names(kind, "top", body.get("top", []), book),
        *_sections(kind, body.get("sections", []), book),
        *_panels(kind, body),
        *_links(body.get("links", [])),
    ]


def view_problems(kind: type[models.Model], view: Mapping[str, Any], book: Handbook | None = None) -> list[Missing]:
    """The names of a list view that no field bears."""
    named = [("columns", name) for name in view.get("columns", [])]
    named += [("filters", str(one.get("field", ""))) for one in view.get("filters", [])]
    named += [("sort", view["sort"].removeprefix("-"))] if view.get("sort") else []
    return [unknown_field(kind, name, place, book) for place, name in named if find(kind, name, book) is None]


def tabs_problems(tabs: Iterable[Mapping[str, str]]) -> list[Missing]:
    """Everything that will not do about a role's tabs."""
    known = dict(handbook.current().choices("tabs"))
    views = {(one.object, one.key) for one in ListView.objects.exclude(key="")}
    found, seen = [], set()
    for one in tabs:
        key, view = one.get("tab", ""), one.get("view", "")
        if key not in known:
            found.append(Missing("unknown_tab", f"There is no tab “{key}”.", key))
        elif key in seen:
            found.append(Missing("twice", f"The tab “{known[key]}” is there twice.", key))
        elif view and (RECORD_TABS.get(key, ""), view) not in views:
            found.append(Missing("unknown_view", f"The tab “{known[key]}” has no view “{view}”.", key))
        seen.add(key)
    return found if seen else [Missing("no_tabs", "A role needs at least one tab.")]


def unknown_field(kind: type[models.Model], name: str, place: str, book: Handbook | None = None) -> Missing:
    """That no field bears this name, with the one that was likely meant."""
    likely = guess(name, [field.name for field in fields_of(kind, book)])
    meant = f" Is “{likely}” meant?" if likely else ""
    return Missing("unknown_field", f"{_noun(kind)} has no field “{name}”.{meant}", place)


def _names(kind: type[models.Model], place: str, names: Iterable[str], book: Handbook | None) -> Iterator[Missing]:
    seen: set[str] = set()
    for name in names:
        field = find(kind, name, book)
        if field is None:
            yield unknown_field(kind, name, place, book)
        elif name in seen:
            yield Missing("twice", f"“{field.label}” is there twice.", place)
        seen.add(name)


def _sections(
    kind: type[models.Model], sections: Iterable[Mapping[str, Any]], book: Handbook | None
) -> Iterator[Missing]:
    seen: set[str] = set()
    for number, section in enumerate(sections):
        place, title = f"sections.{number}", str(section.get("title", "")).strip()
        if not title:
            yield Missing("no_title", "A section needs a title.", place)
        elif len(title) > LONGEST_TITLE:
            yield Missing("too_long", f"A title has at most {LONGEST_TITLE} characters.", place)
        elif title.casefold() in seen:
            yield Missing("twice", f"There are two sections “{title}”.", place)
        seen.add(title.casefold())
        if not section.get("fields"):
            yield Missing("no_fields", f"The section “{title}” has no fields.", place)
        yield from _names(kind, place, section.get("fields", []), book)


def _panels(kind: type[models.Model], body: Mapping[str, Any]) -> Iterator[Missing]:
    panels, seen = panels_for(kind), set[str]()
    for place in ("right", "bottom"):
        for name in body.get(place, []):
            if name not in panels:
                known = ", ".join(sorted(panels))
                message = f"{_noun(kind)} has no panel “{name}”. There are: {known}."
                yield Missing("unknown_panel", message, place)
            elif name in seen:
                yield Missing("twice", f"The panel “{panels[name].title}” is there twice.", place)
            seen.add(name)


def _links(links: Iterable[Mapping[str, str]]) -> Iterator[Missing]:
    for number, link in enumerate(links):
        place, label = f"links.{number}", link.get("label", "").strip()
        if not label:
            yield Missing("no_title", "A link needs a label.", place)
        elif len(label) > LONGEST_TITLE:
            yield Missing("too_long", f"A label has at most {LONGEST_TITLE} characters.", place)
        if not is_web_template(link.get("url", "")):
            message = (
                f"The address of “{label}” has to begin with https:// and a fixed host; behind the host it may have"
                " {name}, {domain} and {id}, and no spaces."
            )
            yield Missing("unsafe_link", message, place)


def _noun(kind: type[models.Model]) -> str:
    noun = str(kind._meta.verbose_name)
    return f"{'An' if noun[0] in 'aeiou' else 'A'} {noun}"
