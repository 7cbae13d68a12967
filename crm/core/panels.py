"""Panels on a record's page that any layer adds: it registers them here, since imports point one way.

@panel("receipts", "Conversions", Account, Contact)
def receipts(request, record): return render_to_string("leads/receipts.html", {...}, request)

A layout says by name which panels a page has on the right and at the bottom. One with `always` needs no layout: it is
shown whenever it has something to show.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import models
from django.http import HttpRequest

# An empty string means that there is nothing to show for this record.
Render = Callable[[HttpRequest, Any], str]
P = TypeVar("P", bound=Render)


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its name in layouts, its title as people read it, and what renders it."""

    name: str
    title: str
    render: Render
    always: bool = False


_panels: dict[type[models.Model], dict[str, Panel]] = defaultdict(dict)


def panel(name: str, title: str, *kinds: type[models.Model], always: bool = False) -> Callable[[P], P]:
    """Offer what this function renders to the pages of these kinds of record.

    Raises:
        ValueError: when a kind has a panel of that name already.
    """

    def register(function: P) -> P:
        for kind in kinds:
            if name in _panels[kind]:
                raise ValueError(f"{kind.__name__} has a panel {name!r} already")
            _panels[kind][name] = Panel(name, title, function, always)
        return function

    return register


def panels_for(kind: type[models.Model]) -> dict[str, Panel]:
    """The panels that a page of this kind of record may have, by name."""
    return dict(_panels.get(kind, {}))


def always_of(kind: type[models.Model]) -> list[Panel]:
    """The panels that need no layout."""
    return [one for one in _panels.get(kind, {}).values() if one.always]


def panels_of(request: HttpRequest, record: models.Model) -> list[str]:
    """What those panels render that need no layout."""
    return [shown for one in always_of(type(record)) if (shown := one.render(request, record))]
