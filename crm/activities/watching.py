"""Who looks when suppressions are made or lifted: higher layers say so, since imports point one way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

# Called inside the transaction, with the ids of the suppressions, before what is lifted is stored or after.
Watcher = Callable[[Sequence[int]], None]
_watchers: list[Watcher] = []


def watches_suppressions(watcher: Watcher) -> Watcher:
    """Call this function too; usable as a decorator."""
    if watcher not in _watchers:
        _watchers.append(watcher)
    return watcher


def tell_watchers(suppressions: Sequence[int]) -> None:
    """These were made or are lifted in this transaction."""
    if suppressions:
        for watcher in _watchers:
            watcher(suppressions)
