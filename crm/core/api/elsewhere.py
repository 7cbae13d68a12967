"""Records by the ids that other systems know them by. Who keeps such ids is above this package: it registers."""

from __future__ import annotations

from collections.abc import Callable, Collection

from django.db import models

# Our ids by theirs: of a kind of record, a system, and some of its ids.
Finder = Callable[[type[models.Model], str, Collection[str]], dict[str, int]]
_finders: list[Finder] = []


def finds_ids(finder: Finder) -> Finder:
    """Ask this function from now on."""
    _finders.append(finder)
    return finder


def ids_elsewhere(kind: type[models.Model], system: str, values: Collection[str]) -> dict[str, int]:
    """Our ids of the records that a system calls so; what it has told us nothing of is left out."""
    found: dict[str, int] = {}
    for finder in _finders:
        found |= finder(kind, system, values)
    return found
