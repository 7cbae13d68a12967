"""Where a record went that is not at its address any more. What merges records is above this package: it registers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from django.db import models


@dataclass(frozen=True, slots=True)
class Forward:
    """The record that a merged one is now: its kind as the change log has it, its id, and who merged it when."""

    kind: type[models.Model]
    pk: int
    sentence: str

    @property
    def object(self) -> str:
        """What the change log calls it."""
        return str(self.kind._meta.model_name)


Finder = Callable[[type[models.Model], int], Forward | None]
# A record as the change log names it: ("lead", 17).
Ref = tuple[str, int]
FinderOfMany = Callable[[Collection[Ref]], Mapping[Ref, Ref]]
_finders: list[Finder] = []
_finders_of_many: list[FinderOfMany] = []


def use_finder(finder: Finder) -> Finder:
    """Ask this function from now on."""
    _finders.append(finder)
    return finder


def where_went(kind: type[models.Model], pk: int) -> Forward | None:
    """The record that this one is now; None where nobody merged it."""
    return next((found for finder in _finders if (found := finder(kind, pk)) is not None), None)


def use_finder_of_many(finder: FinderOfMany) -> FinderOfMany:
    """Ask this function from now on, for many records at once."""
    _finders_of_many.append(finder)
    return finder


def where_all_went(refs: Collection[Ref]) -> dict[Ref, Ref]:
    """The records that these are now, of those that were merged."""
    found: dict[Ref, Ref] = {}
    for finder in _finders_of_many if refs else ():
        found |= finder(refs)
    return found
