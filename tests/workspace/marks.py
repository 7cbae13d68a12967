"""What a page shows, read from its marks."""

from __future__ import annotations

import re
from html.parser import HTMLParser


class Marks(HTMLParser):
    """Which sections a page has with which fields, and which panels, each in the order of the page."""

    VOID = frozenset(("input", "br", "img", "hr", "meta", "link", "source", "path"))

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sections: dict[str, list[str]] = {}
        self.panels: dict[str, list[str]] = {"right": [], "other": []}
        self._open: list[tuple[str, str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        section, field = found.get("data-section", ""), found.get("data-field", "")
        if section:
            self.sections.setdefault(section, [])
        inside = [opened[1] for opened in self._open if opened[1]]
        if field and inside:
            self.sections[inside[-1]].append(field)
        if panel := found.get("data-panel", ""):
            aside = any(opened[0] == "aside" for opened in self._open)
            self.panels["right" if aside else "other"].append(panel)
        if tag not in self.VOID:
            self._open.append((tag, section, field))

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            if self._open.pop()[0] == tag:
                return


def text_of_field(page: str, field: str) -> str:
    """The text of the first place that a field is shown in, without its label's mark-up."""
    found = re.search(rf'data-field="{field}".*?(?=data-field=|</section>|</header>|$)', page, re.S)
    assert found, f"{field} is not on the page"
    return re.sub(r"<[^>]+>|\s+", " ", found.group(0))
