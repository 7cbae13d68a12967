"""What is wrong with a handbook that only higher layers can see: names of fields and panels. They register it here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from crm.handbook.document import Handbook
from crm.handbook.problems import Place, Problem, written_place

# The place, what was found there, and what may stand there.
Found = tuple[Place, str, str]
Look = Callable[[Handbook], Iterable[Found]]
_looks: list[Look] = []


def look_further(look: Look) -> Look:
    """Look at every handbook that is checked by this function as well; usable as a decorator."""
    if look not in _looks:
        _looks.append(look)
    return look


def further_problems(book: Handbook, file: str) -> Iterator[Problem]:
    """Everything that the registered functions find; the file is the one the handbook was read from."""
    for look in _looks:
        for place, found, allowed in look(book):
            yield Problem(file, written_place(place), found, allowed)
