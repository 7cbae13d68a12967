"""Which transactions erased a person, and whose records: who erases is above this package and registers.

A follower has to overwrite or drop such records, and forget what it knew of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

Ref = tuple[str, int]
# Given the first and last place in the feed: the transactions there that erased somebody, and that person's records, as
# the change log names them, those included that are not here any more.
Finder = Callable[[int, int], Mapping[int, Collection[Ref]]]
_finders: list[Finder] = []


def tells_erasures(finder: Finder) -> Finder:
    """Ask this function from now on."""
    _finders.append(finder)
    return finder


def erasures(first: int, last: int) -> dict[int, set[Ref]]:
    """The erasing transactions from one place in the feed to another, each with the erased person's records."""
    found: dict[int, set[Ref]] = {}
    for finder in _finders:
        for number, refs in finder(first, last).items():
            found.setdefault(number, set()).update(refs)
    return found
