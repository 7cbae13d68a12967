"""Records by the ids that other systems know them by. Who keeps such ids is above this package: it registers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from django.db import models

# Our ids by theirs: of a kind of record, a system, and some of its ids.
Finder = Callable[[type[models.Model], str, Collection[str]], dict[str, int]]
# Of records of a kind with these ids: what each system calls each of them.
Teller = Callable[[type[models.Model], Collection[int]], Mapping[int, Mapping[str, Sequence[str]]]]
_finders: list[Finder] = []
_tellers: list[Teller] = []


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


def tells_ids(teller: Teller) -> Teller:
    """Ask this function from now on."""
    _tellers.append(teller)
    return teller


def known_elsewhere(kind: type[models.Model], ids: Collection[int]) -> Mapping[int, Mapping[str, Sequence[str]]]:
    """What other systems call these records, by system; of what nobody calls anything there is nothing."""
    return {pk: names for teller in _tellers for pk, names in teller(kind, ids).items()}
