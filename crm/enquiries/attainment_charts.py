"""Charts of response times, drawn here as SVG: no script, colours by class, so that they work in light and dark.

Each has its table beside it with the same figures; the drawing itself is told in one sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from crm.enquiries.attainment import Figures

WIDTH, HEIGHT = 640, 180
LEFT, TOP, BOTTOM = 36, 8, 24
LABELS = 9  # so many labels fit below the bars


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
    foot: int = HEIGHT - BOTTOM


def stacked(rows: Sequence[tuple[str, str, Figures]], *, what: str) -> Chart:
    """Bars of what was met, is open and was breached, one for each label; with the address that each opens."""
    most = max((one.met + one.open + one.breached for _, _, one in rows), default=0)
    top = scale(most)
    room = HEIGHT - TOP - BOTTOM
    step = (WIDTH - LEFT) / max(1, len(rows))
    every = ceil(len(rows) / LABELS)
    bars = []
    for n, (label, address, one) in enumerate(rows):
        y = float(HEIGHT - BOTTOM)
        pieces = []
        for kind in ("met", "open", "breached"):
            count = getattr(one, kind)
            if count:
                tall = count / top * room
                y -= tall
                pieces.append(Piece(kind, round(y, 1), round(tall, 1)))
        x, width = LEFT + n * step, min(step * 0.7, 40)
        middle = x + step / 2
        says = f"{label}: {one.met:,} met, {one.breached:,} breached, {one.open:,} open"
        shown = label if n % every == 0 else ""
        bars.append(Bar(round(middle - width / 2, 1), round(width, 1), round(middle, 1), shown, says, address, pieces))
    lines = [(round(HEIGHT - BOTTOM - part * room, 1), f"{round(top * part):,}") for part in (0, 0.5, 1)]
    totals = ((sum(getattr(one, kind) for *_, one in rows), kind) for kind in ("met", "breached", "open"))
    counted = ", ".join(f"{count:,} {kind}" for count, kind in totals)
    return Chart(bars, lines, f"{what}: {counted}. The table has each.")


def scale(most: int) -> int:
    """The round and even number at the top of a scale."""
    top = 2
    while top < most:
        digits = str(top)
        top = top * 5 // 2 if digits.startswith("4") else top * 2
    return top
