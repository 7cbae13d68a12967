"""A rendered page read by its marks: its tabs, its list, its sections with their fields, its panels, its links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import NamedTuple

# Elements without an end. Of all others that are left open, an end further out closes them too, as in a browser.
VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
TABS, ROWS = "nav-sidebar-apps", "result_list"
ICON, CHIP = "material-symbols-outlined", "plumb-chip"
RIGHT, BOTTOM = "right", "bottom"


class Link(NamedTuple):
    """A link as it is read on the page, and where it leads."""

    label: str
    address: str


@dataclass(frozen=True, slots=True)
class Page:
    """What is on a page, each in the order of the page.

    `view`: the name of the view that a list is shown by; `conditions`: the filters in force, as they are read; `rows`:
    where the links of each row lead. `sections`: the fields of each by the section's mark. `panels`: by place, "right"
    and "bottom". `links`: the useful ones. `leads`: where the links in a field of a section lead.
    """

    tabs: tuple[Link, ...] = ()
    view: str = ""
    conditions: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    sections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    panels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    leads: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    @property
    def top(self) -> tuple[str, ...]:
        """The fields at the top."""
        return self.sections.get("top", ())

    @property
    def fields(self) -> frozenset[str]:
        """Every field, wherever it is."""
        return frozenset(name for names in self.sections.values() for name in names)


def read_page(html: str) -> Page:
    """Read a page that was rendered."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return Page(
        tabs=tuple(reader.tabs),
        view=reader.view,
        conditions=tuple(reader.conditions),
        rows=tuple(tuple(row) for row in reader.rows),
        sections={name: tuple(fields) for name, fields in reader.sections.items()},
        panels={place: tuple(names) for place, names in reader.panels.items()},
        links=tuple(reader.links),
        leads={of: tuple(found) for of, found in reader.leads.items()},
    )


class _Open(NamedTuple):
    """An element that has not ended: its tag, and what it means for what is in it."""

    tag: str
    within: Mapping[str, str]


class _Text:
    """The words in an element, gathered while it is open; without its icons, whose words nobody sees."""

    def __init__(self, depth: int, address: str = "") -> None:
        self.depth, self.address = depth, address
        self.parts: list[str] = []

    def __str__(self) -> str:
        return " ".join("".join(self.parts).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tabs: list[Link] = []
        self.view = ""
        self.conditions: list[str] = []
        self.rows: list[list[str]] = []
        self.sections: dict[str, list[str]] = {}
        self.panels: dict[str, list[str]] = {}
        self.links: list[Link] = []
        self.leads: dict[tuple[str, str], list[str]] = {}
        self._open: list[_Open] = []
        self._text: _Text | None = None
        self._kind = ""

    # --- elements -----------------------------------------------------------------------------------------------------

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        within = dict(self._open[-1].within) if self._open else {}
        self._enter(tag, found, within)
        if tag == "a" and "href" in found:
            self._link(found, within)
        elif tag == "h2" and within.get("section") == "view" and not self.view:
            self._gather("view")
        if tag not in VOID:
            self._open.append(_Open(tag, within))

    def handle_endtag(self, tag: str) -> None:
        if not any(one.tag == tag for one in self._open):
            return
        while self._open.pop().tag != tag:
            pass
        if self._text is not None and len(self._open) <= self._text.depth:
            self._gathered(self._text)

    def handle_data(self, data: str) -> None:
        if self._text is not None and "icon" not in self._open[-1].within:
            self._text.parts.append(data)

    def _enter(self, tag: str, found: Mapping[str, str], within: dict[str, str]) -> None:
        """Note the marks of an element, and what they mean for what is in it."""
        if found.get("id") in (TABS, ROWS):
            within["list"] = found["id"]
        if ICON in found.get("class", "").split():
            within["icon"] = "yes"
        if tag == "tr" and within.get("list") == ROWS and "row" not in within and "data-row" in found.get("class", ""):
            within["row"] = "yes"
            self.rows.append([])
        if place := found.get("data-place", ""):
            within["place"] = place
        if (panel := found.get("data-panel", "")) and "panel" not in within:
            within["panel"] = panel
            self.panels.setdefault(within.get("place", "main"), []).append(panel)
        # What a panel marks is its own: it is no section of the page.
        if "panel" in within:
            return
        if section := found.get("data-section", ""):
            within["section"] = section
            within.pop("field", None)
            self.sections.setdefault(section, [])
        if (name := found.get("data-field", "")) and "section" in within:
            within["field"] = name
            self.sections[within["section"]].append(name)

    def _link(self, found: Mapping[str, str], within: Mapping[str, str]) -> None:
        address = found["href"]
        if "row" in within:
            self.rows[-1].append(address)
        elif within.get("list") == TABS:
            self._gather("tab", address)
        elif "panel" in within:
            return
        elif within.get("section") == "links":
            self._gather("link", address)
        elif within.get("section") == "filters" and CHIP in found.get("class", "").split():
            self._gather("condition")
        elif "field" in within:
            self.leads.setdefault((within["section"], within["field"]), []).append(address)

    # --- words --------------------------------------------------------------------------------------------------------

    def _gather(self, kind: str, address: str = "") -> None:
        self._kind, self._text = kind, _Text(len(self._open), address)

    def _gathered(self, text: _Text) -> None:
        self._text = None
        match self._kind:
            case "tab":
                self.tabs.append(Link(str(text), text.address))
            case "link":
                self.links.append(Link(str(text), text.address))
            case "condition":
                self.conditions.append(str(text))
            case "view":
                self.view = str(text)
