"""Charts of bars, drawn here as SVG: no script, colours by class, so that they work in light and dark.

Each has its table beside it with the same figures; the drawing itself is told in one sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

WIDTH, HEIGHT = 640, 180
LEFT, TOP, BOTTOM = 40, 8, 24
WIDEST = 40
LABELS = 9  # so many labels fit below the bars


@dataclass(frozen=True, slots=True)
class Row:
    """What one bar stands for: its label, the address that it opens, what it says, and its parts by kind and count."""

    label: str
    address: str
    says: str
    parts: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a bar: its class, where it begins and how tall it is."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, with what it says when pointed at."""

    x: float
    width: float
    middle: float
    label: str
    says: str
    address: str
    pieces: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars over a scale: `lines` are the heights of its marks and what they stand for."""

    bars: Sequence[Bar]
    lines: Sequence[tuple[float, str]]
    says: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT


def chart(rows: Sequence[Row], *, says: str) -> Chart:
    """A bar for each row, its parts one upon the other."""
    top = scale(max((sum(count for _, count in row.parts) for row in rows), default=0))
    room, step = HEIGHT - TOP - BOTTOM, (WIDTH - LEFT) / max(1, len(rows))
    every, width = ceil(len(rows) / LABELS), min(step * 0.7, WIDEST)
    bars = []
    for n, row in enumerate(rows):
        y, pieces = float(HEIGHT - BOTTOM), []
        for kind, count in row.parts:
            if count:
                tall = count / top * room
                y -= tall
                pieces.append(Piece(kind, round(y, 1), round(tall, 1)))
        middle = LEFT + (n + 0.5) * step
        shown = row.label if n % every == 0 else ""
        place = (round(middle - width / 2, 1), round(width, 1), round(middle, 1))
        bars.append(Bar(*place, shown, row.says, row.address, pieces))
    lines = [(round(HEIGHT - BOTTOM - part * room, 1), f"{round(top * part):,}") for part in (0, 0.5, 1)]
    return Chart(bars, lines, says)


def scale(most: int) -> int:
    """The round and even number at the top of a scale."""
    top = 2
    while top < most:
        digits = str(top)
        top = top * 5 // 2 if digits.startswith("4") else top * 2
    return top
