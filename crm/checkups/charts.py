"""Trends of rules as drawings; the figures stand beside them in a table or in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crm.checkups.models import Result
from crm.core.charts import Chart, Row, chart

WIDTH, HEIGHT = 72, 18


@dataclass(frozen=True, slots=True)
class Spark:
    """A small line: its points, where it ends, and what it says."""

    points: str
    x: float
    y: float
    says: str
    width: int = WIDTH
    height: int = HEIGHT


def spark(totals: Sequence[int]) -> Spark:
    """A line through these counts, the oldest first; two at least."""
    top, room = max(*totals, 1), HEIGHT - 4
    step = (WIDTH - 4) / (len(totals) - 1)
    points = [(round(2 + n * step, 1), round(2 + room - one / top * room, 1)) for n, one in enumerate(totals)]
    says = f"Found in the last {len(totals)} looks: {', '.join(f'{one:,}' for one in totals)}"
    return Spark(" ".join(f"{x},{y}" for x, y in points), *points[-1], says)


def trend(results: Sequence[tuple[Result, str, str]]) -> Chart:
    """A bar for each look, with its label and the address of its run, the oldest first; one that crashed stands out."""
    most = max((one.total for one, _, _ in results), default=0) or 1
    rows = []
    for one, label, address in results:
        crashed = one.state == Result.State.CRASHED
        says = f"{label}: {'crashed' if crashed else f'{one.total:,} found'}"
        rows.append(Row(label, address, says, [("crashed", most) if crashed else ("found", one.total)]))
    return chart(rows, says=f"How many were found in the last {len(results)} looks. The table has each.")
