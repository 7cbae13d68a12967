"""What pydantic cannot see about checkups: the file may not expect of a page what its own layout does not show (K5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crm.handbook.problems import Place, one_of, written_value
from crm.handbook.raw import Raw, at, keys, tables, texts
from crm.handbook.schema import RECORD_TABS
from crm.handbook.structure import Found

PARTS = ("right", "bottom")


def broken_expectations(raw: Raw) -> Iterator[Found]:
    """Every finding about checkups in a parsed file."""
    for rule in (_pages_once, _as_laid_out, _as_opened, _standard_tabs, _dris, _statuses_once, _replaced):
        yield from rule(raw)


def _pages(raw: Raw) -> list[tuple[Place, Raw]]:
    return [(("checkups", "pages", n), page) for n, page in tables(raw, "checkups", "pages")]


def _pages_once(raw: Raw) -> Iterator[Found]:
    seen = set()
    for place, page in _pages(raw):
        kind = page.get("object")
        if isinstance(kind, str) and kind in seen:
            yield (*place, "object"), f"{written_value(kind)} a second time", "allowed: each once"
        seen.add(kind if isinstance(kind, str) else "")


def _as_laid_out(raw: Raw) -> Iterator[Found]:
    """Every field, panel and link that is expected stands in the layout, where it is expected."""
    laid_out: dict[Any, Raw] = {}
    for _, one in tables(raw, "layouts"):
        laid_out.setdefault(one.get("object"), one)
    for place, page in _pages(raw):
        layout = laid_out.get(page.get("object"))
        if layout is None:
            yield (*place, "object"), written_value(page.get("object")), "allowed: a kind of record that has a layout"
            continue
        top, shown = _names(layout.get("top")), _names(layout.get("top"))
        sections = {s.get("title"): _names(s.get("fields")) for _, s in tables(layout, "sections")}
        for fields in sections.values():
            shown = [*shown, *fields]
        expected = _names(page.get("top"))
        if expected and top[: len(expected)] != expected:
            yield (*place, "top"), _list(expected), f"the layout's top begins with {_list(top) or 'nothing'}"
        yield from _missing(place, page, "fields", shown, "the layout shows")
        yield from _missing(place, page, "links", _labels(layout.get("links")), "the layout's links are")
        for part in PARTS:
            yield from _missing(place, page, part, _names(layout.get(part)), f"{part} has")
        for n, section in tables(page, "sections"):
            here: Place = (*place, "sections", n)
            title = section.get("title")
            if title not in sections:
                yield (*here, "title"), written_value(title), one_of([str(one) for one in sections], str(title))
                continue
            yield from _missing(here, section, "fields", sections[title], "the layout's section has")
            first = section.get("first")
            if isinstance(first, str) and sections[title][:1] != [first]:
                yield (*here, "first"), written_value(first), f"the layout's section has {_list(sections[title])}"


def _missing(place: Place, of: Raw, part: str, there: list[str], said: str) -> Iterator[Found]:
    for n, name in texts(of.get(part)):
        if name not in there:
            yield (*place, part, n), written_value(name), f"{said} {_list(there) or 'nothing'}"


def _as_opened(raw: Raw) -> Iterator[Found]:
    """The filter that a list is expected to open with is the one that its tab has."""
    opens = {RECORD_TABS.get(str(tab.get("key"))): tab.get("default_filter") for _, tab in tables(raw, "tabs")}
    for place, page in _pages(raw):
        wanted, has = page.get("default_filter"), opens.get(page.get("object"))
        if isinstance(wanted, str) and wanted != has:
            opened = written_value(has) if has else "nothing"
            yield (*place, "default_filter"), written_value(wanted), f"its tab opens on {opened}"


def _standard_tabs(raw: Raw) -> Iterator[Found]:
    """Standard users have the tabs that are expected of them, and no other."""
    wanted = set(_names(at(raw, "checkups", "tabs")))
    if not wanted:
        return
    for n, role in tables(raw, "roles"):
        has = set(_names(role.get("tabs")))
        if role.get("rights") == "standard" and has != wanted:
            yield ("roles", n, "tabs"), _list(sorted(has)), f"checkups expects {_list(sorted(wanted))}"


def _dris(raw: Raw) -> Iterator[Found]:
    """Who answers is a role of the file or somebody's email."""
    roles = keys(raw, "roles")
    named: list[tuple[Place, Any]] = [(("checkups", "dri"), at(raw, "checkups", "dri"))]
    areas = set()
    for n, owner in tables(raw, "checkups", "owners"):
        named.append((("checkups", "owners", n, "dri"), owner.get("dri")))
        if owner.get("area") in areas:
            yield ("checkups", "owners", n, "area"), f"{written_value(owner['area'])} again", "allowed: each once"
        areas.add(owner.get("area"))
    for place, dri in named:
        if isinstance(dri, str) and "@" not in dri and dri not in roles:
            yield place, written_value(dri), f"{one_of(roles, dri)}, or the email of a user"


def _statuses_once(raw: Raw) -> Iterator[Found]:
    seen = set()
    for n, limit in tables(raw, "checkups", "statuses"):
        status = limit.get("status")
        if status in seen:
            yield ("checkups", "statuses", n, "status"), f"{written_value(status)} a second time", "allowed: each once"
        seen.add(status)


def _replaced(raw: Raw) -> Iterator[Found]:
    """A word that left its list, and one that is in it."""
    for n, one in tables(raw, "checkups", "replaced"):
        place: Place = ("checkups", "replaced", n)
        names = one.get("list")
        if not isinstance(names, str):
            continue
        known = keys(raw, *names.split("."))
        if not known:
            yield (*place, "list"), written_value(names), 'allowed: a list of this file, as "lead.sources"'
            continue
        if one.get("word") in known:
            yield (*place, "word"), written_value(one["word"]), "allowed: a word that is not in the list any more"
        if isinstance(one.get("by"), str) and one["by"] not in known:
            yield (*place, "by"), written_value(one["by"]), one_of(known, one["by"])


def _names(value: object) -> list[str]:
    return [text for _, text in texts(value)]


def _labels(value: object) -> list[str]:
    found = value if isinstance(value, list) else []
    return [one["label"] for one in found if isinstance(one, dict) and isinstance(one.get("label"), str)]


def _list(names: list[str]) -> str:
    return ", ".join(written_value(name) for name in names)
