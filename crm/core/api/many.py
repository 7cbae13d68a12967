"""What a resource says of storing many of its records at once, by statements over sets.

Only what a model's `save()` and the view's own hooks do beside writing the row is told here. Rows that need more than
that are stored one by one, as each row is of a resource that says nothing at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record as it would be stored: a new one in `state`, or an existing one with the attributes that change.

    `said` is what its row says, also where that is so already: another row of the batch may change it first.
    """

    record: Any
    changed: Collection[str]
    new: bool
    said: Collection[str] = ()
    state: str | None = None


class Many:
    """Of records whose storing does nothing else: the row is all."""

    # Attributes that `keep` or `complete` set, and that no row has to name.
    also: tuple[str, ...] = ()

    def __init__(self, view: RecordViewSet) -> None:
        self.view = view

    def alone(self, candidates: Sequence[Candidate]) -> set[int]:
        """The places of those whose storing does something else: they are stored one by one."""
        return {place for place, one in enumerate(candidates) if self.is_alone(one)}

    def is_alone(self, candidate: Candidate) -> bool:
        """Whether storing this one does something else."""
        return False

    def complete(self, record: Any, changed: Collection[str]) -> Collection[str]:
        """Set what follows from the given attributes, as `save` does; which attributes that are."""
        return ()

    def groups(self, candidates: Sequence[Candidate]) -> Iterable[tuple[str, Sequence[Candidate]]]:
        """New records by the reason that the change log has for them, after what `keep` does with each."""
        return [("", candidates)]

    def stored(self, candidates: Sequence[Candidate]) -> None:
        """What follows once new records are stored, for all of them."""
