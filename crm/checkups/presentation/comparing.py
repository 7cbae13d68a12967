"""A page held against what the handbook expects of it: what is missing, what is not where it should be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.utils.text import slugify

from crm.checkups.presentation.reading import BOTTOM, RIGHT
from crm.checkups.presentation.shown import Shown
from crm.checkups.rules import Sight
from crm.handbook.expectations import ExpectedSection

PLACES = {RIGHT: "on the right", BOTTOM: "at the bottom"}
ABSENT = "It is not there"


def sight(shown: Shown, detail: str, expected: str, found: str) -> Sight:
    """Something of a page that is not as it should be."""
    return Sight(subject=shown.subject, label=shown.label, detail=detail, expected=expected, found=found)


def top(shown: Shown, expected: Sequence[str]) -> Iterator[Sight]:
    """These fields come first at the top, in this order."""
    there = shown.page.top
    for name in expected:
        if name not in there:
            yield sight(shown, f"missing:{name}", f"{shown.words(name)} at the top", ABSENT)
    left = [name for name in expected if name in there]
    if list(there[: len(left)]) != left:
        yield sight(shown, "order", f"First at the top: {shown.words(*expected)}", f"It begins: {shown.words(*there)}")


def section(shown: Shown, expected: ExpectedSection) -> Iterator[Sight]:
    """A section with these fields, the first of them where it is said."""
    there = shown.page.sections.get(slugify(expected.title))
    if there is None:
        wanted = f"A section “{expected.title}” with {shown.words(*expected.fields)}"
        yield sight(shown, "section", wanted, "There is no such section")
        return
    for name in expected.fields:
        if name not in there:
            yield sight(shown, f"missing:{name}", f"{shown.words(name)} under “{expected.title}”", ABSENT)
    if expected.first and expected.first in there and there[0] != expected.first:
        wanted = f"{shown.words(expected.first)} first under “{expected.title}”"
        yield sight(shown, "first", wanted, f"It begins with {shown.words(there[0])}")


def panels(shown: Shown, place: str, expected: Iterable[str]) -> Iterator[Sight]:
    """These panels in a place, in any order."""
    there = shown.page.panels.get(place, ())
    for name in expected:
        if name not in there:
            elsewhere = [where for where, names in shown.page.panels.items() if name in names]
            found = f"It is {PLACES.get(elsewhere[0], 'above the sections')}" if elsewhere else ABSENT
            yield sight(shown, f"{place}:{name}", f"“{shown.panel(name)}” {PLACES[place]}", found)


def anywhere(shown: Shown, expected: Iterable[str]) -> Iterator[Sight]:
    """These fields on the page, wherever."""
    for name in expected:
        if name not in shown.page.fields:
            yield sight(shown, f"missing:{name}", f"{shown.words(name)} on the page", ABSENT)


# --- addresses --------------------------------------------------------------------------------------------------------


def same_address(address: str, template: str, values: Mapping[str, str]) -> bool:
    """Whether an address is what a template becomes with these values in it, however they were encoded.

    A value that was not encoded, and so ends a word or begins another part, makes it another address.
    """
    here, wanted = urlsplit(address), urlsplit(template)
    return _parts(here, {}) == _parts(wanted, values)


def _parts(split: SplitResult, values: Mapping[str, str]) -> Sequence[Any]:
    def filled(text: str) -> str:
        for mark, value in values.items():
            text = text.replace(mark, value)
        return text

    pairs = parse_qsl(split.query, keep_blank_values=True)
    return (
        split.scheme.lower(),
        filled(split.netloc.lower()),
        [filled(unquote(part)) for part in split.path.split("/")],
        [(filled(name), filled(value)) for name, value in pairs],
        filled(unquote(split.fragment)),
    )


def disguised(address: str, values: Mapping[str, str]) -> str:
    """An address with a record's own words taken out of it: findings keep nobody's details."""
    text = unquote(address.replace("+", " "))
    for mark, value in sorted(values.items(), key=lambda one: -len(one[1])):
        if value:
            text = text.replace(value, mark)
    return text
