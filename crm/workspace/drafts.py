"""A layout or a role's tabs while they are being edited: read from the form, and changed by one button at a time.

A button says what it does and where: `up:top:2`, `remove:sections.1.fields:0`, `add:right:`. Nothing is stored here.
"""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from crm.core.text import tidy, whole_number

Body = dict[str, Any]


def read_layout(data: QueryDict) -> Body:
    """The layout that the editor's form holds."""
    titles = [tidy(title) for title in data.getlist("title")]
    labels, addresses = data.getlist("label"), data.getlist("url")
    return {
        "top": data.getlist("top"),
        "sections": [
            {"title": title, "fields": data.getlist(f"sections.{n}.fields")} for n, title in enumerate(titles)
        ],
        "right": data.getlist("right"),
        "bottom": data.getlist("bottom"),
        "links": [{"label": tidy(label), "url": tidy(url)} for label, url in zip(labels, addresses, strict=False)],
    }


def read_tabs(data: QueryDict) -> list[dict[str, str]]:
    """The tabs that the editor's form holds."""
    return [{"tab": key, "view": data.get(f"view.{key}", "")} for key in data.getlist("tab")]


def change(body: Body, op: str, data: QueryDict) -> None:
    """Do in place what a button says; one that says nothing known, or about a place that is gone, does nothing."""
    verb, _, rest = op.partition(":")
    place, _, number = rest.rpartition(":")
    items = _list_at(body, place)
    if items is None:
        return
    if verb == "add":
        new = _new(place, data)
        if new is not None and new not in items:
            items.append(new)
        return
    position = whole_number(number)
    if position is None or position >= len(items):
        return
    if verb == "remove":
        del items[position]
    elif verb in ("up", "down"):
        other = position + (-1 if verb == "up" else 1)
        if 0 <= other < len(items):
            items[position], items[other] = items[other], items[position]


def _list_at(body: Body, place: str) -> list[Any] | None:
    """The list that stands at a place: `top`, `links`, `sections`, `sections.2.fields`."""
    name, _, rest = place.partition(".")
    found = body.get(name)
    if not isinstance(found, list):
        return None
    if not rest:
        return found
    number = whole_number(rest.partition(".")[0])
    if name != "sections" or number is None or number >= len(found) or not rest.endswith(".fields"):
        return None
    fields = found[number]["fields"]
    return fields if isinstance(fields, list) else None


def _new(place: str, data: QueryDict) -> Any:
    """What the button beside it adds."""
    chosen = tidy(data.get(f"add.{place}", ""))
    if place == "sections":
        return {"title": chosen, "fields": []} if chosen else None
    if place == "links":
        address = tidy(data.get("add.links.url", ""))
        return {"label": chosen, "url": address} if chosen or address else None
    if place == "tabs":
        return {"tab": chosen, "view": ""} if chosen else None
    return chosen or None
