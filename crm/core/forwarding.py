"""Where a record went that is not at its address any more. What merges records is above this package: it registers."""

from __future__ import annotations

from collections.abc import Callable
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
_finders: list[Finder] = []


def use_finder(finder: Finder) -> Finder:
    """Ask this function from now on."""
    _finders.append(finder)
    return finder


def where_went(kind: type[models.Model], pk: int) -> Forward | None:
    """The record that this one is now; None where nobody merged it."""
    return next((found for finder in _finders if (found := finder(kind, pk)) is not None), None)
