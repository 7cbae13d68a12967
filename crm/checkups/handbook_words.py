"""What the handbook file says behind a rule: its own lines, as they stand there, with the number of the first."""

from __future__ import annotations

import re
from dataclasses import dataclass

from crm.checkups.rules import Rule
from crm.handbook.document import Handbook
from crm.handbook.expectations import Checkups

SECTION = "[checkups]"
PAGES = "[[checkups.pages]]"


@dataclass(frozen=True, slots=True)
class Words:
    """Lines of the file as they stand there, the comment above them included."""

    line: int
    text: str


def words_behind(rule: Rule, book: Handbook) -> list[Words]:
    """The lines that a rule holds pages and records against; none where it needs none."""
    lines = book.text.splitlines()
    what, _, kind = rule.scope.partition(":")
    if what in ("page", "list"):
        return _page(lines, kind)
    names = {"tabs"} if what == "tabs" else _read_by(rule)
    found = [_setting(lines, name) for name in Checkups.model_fields if name in names]
    return [one for one in found if one is not None]


def _read_by(rule: Rule) -> set[str]:
    """The limits and lists of the checkups' part of the file that a rule's function reads."""
    code = getattr(rule.function, "__code__", None)
    known = set(Checkups.model_fields) - {"pages", "tabs", "off", "severities", "owners", "dri", "most_findings"}
    return known & set(code.co_names) if code is not None else set()


def _page(lines: list[str], kind: str) -> list[Words]:
    """The table of what the page of a kind of record has to show."""
    for number, line in enumerate(lines):
        if line.strip() != PAGES:
            continue
        end = next((n for n in range(number + 1, len(lines)) if lines[n].startswith("[")), len(lines))
        part = lines[number:end]
        if any(re.fullmatch(rf'object\s*=\s*"{re.escape(kind)}"', one.strip()) for one in part):
            while part and (not part[-1].strip() or part[-1].startswith("#")):
                part.pop()
            return [Words(number + 1, "\n".join(part))]
    return []


def _setting(lines: list[str], name: str) -> Words | None:
    """One value of the section, with the rest of its list when it has several lines."""
    begin = next((n for n, line in enumerate(lines) if line.strip() == SECTION), None)
    if begin is None:
        return None
    for number in range(begin + 1, len(lines)):
        if lines[number].startswith("["):
            return None
        if re.match(rf"{name}\s*=", lines[number]):
            end = number + 1
            if lines[number].split("#")[0].rstrip().endswith("["):
                end = next((n + 1 for n in range(number, len(lines)) if lines[n].startswith("]")), end)
            return Words(number + 1, re.sub(r"[ \t]{2,}#", "  #", "\n".join(lines[number:end])))
    return None
