"""Useful links of a record: searches elsewhere, with its name in their addresses (C4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from crm.handbook.values import is_web_template


@dataclass(frozen=True, slots=True)
class UsefulLink:
    """A link as the page has it."""

    label: str
    address: str


def links_for(links: Iterable[tuple[str, str]], record: Any) -> list[UsefulLink]:
    """The links with this record's name, domain and id in them, encoded so that they are nothing but words there."""
    marks = {"{name}": str(record), "{domain}": getattr(record, "domain_key", "") or "", "{id}": str(record.pk)}
    found = []
    for label, template in links:
        if not is_web_template(template):
            continue
        address = template
        for mark, words in marks.items():
            address = address.replace(mark, quote(words, safe=""))
        found.append(UsefulLink(label, address))
    return found
