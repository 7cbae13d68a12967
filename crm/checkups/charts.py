"""Trends as drawings: no script, colours by class; the figures stand beside them in a table or in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crm.checkups.models import Result

WIDTH, HEIGHT = 72, 18
CHART_WIDTH, CHART_HEIGHT, LEFT, FOOT, TOP = 640, 180, 40, 24, 8
LABELS = 8


@dataclass(frozen=True, slots=True)
class Spark:
    """A small line: its points, where it ends, and what it says."""

    points: str
    x: float
    y: float
    says: str
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Bar:
    """One look: its bar, and what it says when pointed at."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    label: str
    says: str
    address: str
    crashed: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars over a scale; `lines` are the heights of its marks and what they stand for."""

    bars: Sequence[Bar]
    lines: Sequence[tuple[float, str]]
    says: str
    width: int = CHART_WIDTH
    height: int = CHART_HEIGHT
    left: int = LEFT


def spark(totals: Sequence[int]) -> Spark:
    """A line through these counts, the oldest first; two at least."""
    top, room = max(*totals, 1), HEIGHT - 4
    step = (WIDTH - 4) / (len(totals) - 1)
    points = [(round(2 + n * step, 1), round(2 + room - one / top * room, 1)) for n, one in enumerate(totals)]
    says = f"Found in the last {len(totals)} looks: {', '.join(f'{one:,}' for one in totals)}"
    return Spark(" ".join(f"{x},{y}" for x, y in points), *points[-1], says)


def trend(results: Sequence[tuple[Result, str, str]]) -> Chart:
    """A bar for each look, with its label and the address of its run; the oldest first."""
    top = scale(max((one.total for one, _, _ in results), default=0))
    room = CHART_HEIGHT - FOOT - TOP
    step = (CHART_WIDTH - LEFT) / max(1, len(results))
    every = -(-len(results) // LABELS)
    bars = []
    for n, (one, label, address) in enumerate(results):
        crashed = one.state == Result.State.CRASHED
        tall = room if crashed else one.total / top * room
        width, middle = min(step * 0.7, 36), LEFT + (n + 0.5) * step
        says = f"{label}: {'crashed' if crashed else f'{one.total:,} found'}"
        shown = label if n % every == 0 else ""
        y = CHART_HEIGHT - FOOT - tall
        sizes = (round(middle - width / 2, 1), round(y, 1), round(width, 1), round(tall, 1), round(middle, 1))
        bars.append(Bar(*sizes, shown, says, address, crashed))
    marks = [(round(CHART_HEIGHT - FOOT - part * room, 1), f"{round(top * part):,}") for part in (0, 0.5, 1)]
    return Chart(bars, marks, f"How many were found in the last {len(results)} looks. The table has each.")


def scale(most: int) -> int:
    """The top of a scale that has this much in it: 2, 4 or 10 times a power of ten."""
    size = 1
    while True:
        for factor in (2, 4, 10):
            if most <= factor * size:
                return factor * size
        size *= 10
