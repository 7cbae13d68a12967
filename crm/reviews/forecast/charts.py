"""Lines over weeks, drawn here as SVG: told apart by dash and mark as well as by colour, with a table beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from crm.core.charts import scale

WIDTH, HEIGHT = 640, 220
LEFT, TOP, BOTTOM, RIGHT = 48, 10, 24, 12
LABELS = 7
Values = Sequence[Decimal | int | None]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its class, its label, its paths (a gap where nothing is known) and its points with what each says."""

    kind: str
    label: str
    paths: Sequence[str]
    points: Sequence[tuple[float, float, str]]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines over a scale: `marks` are its heights and what they stand for, `places` the labels below with the side of
    them that is at their place."""

    lines: Sequence[Line]
    marks: Sequence[tuple[float, str]]
    places: Sequence[tuple[float, str, str]]
    says: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT


def lines(
    labels: Sequence[str],
    series: Mapping[str, tuple[str, Values]],
    *,
    says: str,
    words: Callable[[Decimal], str],
    exact: Callable[[Decimal], str] | None = None,
) -> Lines:
    """A line for each series (class to label and values), a place for each label; `words` say a mark of the scale,
    `exact` a value."""
    known = [Decimal(value) for _, values in series.values() for value in values if value is not None]
    top = scale(ceil(max(known, default=Decimal(0))))
    room, step = HEIGHT - TOP - BOTTOM, (WIDTH - LEFT - RIGHT) / max(1, len(labels) - 1)
    every = ceil(len(labels) / LABELS)
    said = exact or words
    drawn = []
    for kind, (label, values) in series.items():
        paths: list[str] = []
        points = []
        gap = True
        for place, value in enumerate(values):
            if value is None:
                gap = True
                continue
            x = round(LEFT + place * step, 1)
            y = round(HEIGHT - BOTTOM - max(0.0, float(value) / top) * room, 1)
            if gap:
                paths.append(f"M{x} {y}")
            else:
                paths[-1] += f"L{x} {y}"
            gap = False
            points.append((x, y, f"{label}, {labels[place]}: {said(Decimal(value))}"))
        drawn.append(Line(kind, label, paths, points))
    marks = [(round(HEIGHT - BOTTOM - part * room, 1), words(top * Decimal(part))) for part in (0, 0.5, 1)]
    places = [
        (round(LEFT + n * step, 1), label, "end" if 0 < n == len(labels) - 1 else "middle" if n else "start")
        for n, label in enumerate(labels)
        if n % every == 0
    ]
    return Lines(drawn, marks, places, says)


def short(amount: Decimal) -> str:
    """An amount as a scale says it: 1.5M, 250k, 80."""
    for size, letter in ((Decimal(10**9), "B"), (Decimal(10**6), "M"), (Decimal(1000), "k")):
        if abs(amount) >= size:
            return f"{(amount / size).normalize():f}{letter}"
    return f"{amount.normalize():f}"
