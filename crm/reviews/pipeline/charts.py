"""The pipeline as bars, and what changed it as bars that float between two levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from crm.core.charts import BOTTOM, HEIGHT, LABELS, LEFT, TOP, WIDEST, WIDTH, Bar, Chart, Piece
from crm.reviews.pipeline.words import compact

ROOM = HEIGHT - TOP - BOTTOM


@dataclass(frozen=True, slots=True)
class Column:
    """One bar: its parts are from one level to another, by kind."""

    label: str
    address: str
    says: str
    parts: Sequence[tuple[str, Decimal, Decimal]]


def columns(rows: Sequence[Column], *, says: str, all_labels: bool = False) -> Chart:
    """A bar for each row over one scale, which goes below zero where a part does."""
    ends = [level for row in rows for _, low, high in row.parts for level in (low, high)]
    low, high = min([*ends, Decimal(0)]), max([*ends, Decimal(0)])
    step = step_of(high - low)
    bottom, top = _down(low, step), -_down(-high, step)
    span = max(top - bottom, step)
    room = (WIDTH - LEFT) / max(1, len(rows))
    every, width = 1 if all_labels else ceil(len(rows) / LABELS), min(room * 0.7, WIDEST)

    def y(level: Decimal) -> float:
        return float(HEIGHT - BOTTOM - (level - bottom) / span * ROOM)

    bars = []
    for number, row in enumerate(rows):
        middle = LEFT + (number + 0.5) * room
        pieces = [
            # A part that is there is seen, however small it is beside the others.
            Piece(kind, round(y(max(a, b)), 1), round(max(y(min(a, b)) - y(max(a, b)), 1.0), 1))
            for kind, a, b in row.parts
            if a != b
        ]
        shown = row.label if number % every == 0 else ""
        place = (round(middle - width / 2, 1), round(width, 1), round(middle, 1))
        bars.append(Bar(*place, shown, row.says, row.address, pieces))
    marks = [bottom + step * n for n in range(int(span / step) + 1)]
    return Chart(bars, [(round(y(mark), 1), compact(mark)) for mark in marks], says)


def step_of(span: Decimal) -> Decimal:
    """The round distance between the marks of a scale: three to six of them."""
    step = Decimal(1)
    for factor in _factors():
        step = Decimal(factor)
        if span <= step * 4:
            break
    return step


def _factors() -> Sequence[int]:
    return [size * part for size in (10**n for n in range(15)) for part in (1, 2, 5)]


def _down(level: Decimal, step: Decimal) -> Decimal:
    """The mark at this level or the next one below."""
    return (level // step - (1 if level % step < 0 else 0)) * step
