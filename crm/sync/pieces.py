"""Rows put together into pieces that are worth sending."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

R = TypeVar("R", bound=Sized)


def by_size(rows: Iterable[R], size: int) -> Iterator[list[R]]:
    """The rows, as many together as come to this size; the last piece may be smaller."""
    held: list[R] = []
    length = 0
    for row in rows:
        held.append(row)
        length += len(row)
        if length >= size:
            yield held
            held, length = [], 0
    if held:
        yield held
