"""The sections of the home page, which any layer adds: it registers them here, since imports point one way.

@home_part(10)
def respond_now(user, at): return [Part(...)]

The lower the place, the higher the section. What one app knows of another's rows on home (`notes_on`) is shown there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crm.people.models import User


@dataclass(frozen=True, slots=True)
class Part:
    """One section: its rows, each shown by `template`; when there are none, `empty` says what to do.

    `wide` is as wide as the page. `hint` says how it is worked.
    """

    kind: str
    title: str
    rows: Sequence[Any]
    count: str
    full_list: str
    empty: str
    template: str
    wide: bool = False
    hint: str = ""


Parts = Callable[["User", datetime], Sequence[Part]]
# What is said of records of a kind, by id.
Notes = Callable[[Sequence[int], datetime], Mapping[int, str]]
_parts: list[tuple[int, Parts]] = []
_notes: dict[str, list[Notes]] = {}


def home_part(place: int) -> Callable[[Parts], Parts]:
    """Show what this function finds on everybody's home page."""

    def register(function: Parts) -> Parts:
        if function not in [one for _, one in _parts]:
            _parts.append((place, function))
        return function

    return register


def parts_of(user: User, *, at: datetime) -> list[Part]:
    """Everything that waits for this person."""
    return [part for _, function in sorted(_parts, key=lambda one: one[0]) for part in function(user, at)]


def notes_on(kind: str) -> Callable[[Notes], Notes]:
    """Say something of the records of this kind that stand on a home page."""

    def register(function: Notes) -> Notes:
        _notes.setdefault(kind, []).append(function)
        return function

    return register


def notes_of(kind: str, ids: Sequence[int], *, at: datetime) -> dict[int, str]:
    """What is said of these records, by id."""
    found: dict[int, str] = {}
    for function in _notes.get(kind, ()):
        for pk, said in function(ids, at).items():
            found[pk] = f"{found[pk]} {said}" if pk in found else said
    return found
