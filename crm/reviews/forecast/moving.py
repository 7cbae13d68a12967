"""How a forecast moved over its weeks, and what it was worth: as charts, each with its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from crm.reviews.forecast.asked import Asked
from crm.reviews.forecast.backtest import HISTORY, READINGS, Backtest, Tried
from crm.reviews.forecast.charts import Lines, lines, short
from crm.reviews.forecast.snapshots import left_out, weeks_of
from crm.reviews.forecast.words import apart_words, day_words, whole

# The columns of a snapshot as its table has them.
COLUMNS = {
    "won": "Won",
    "commit": "Commit",
    "best_case": "Best case",
    "pipeline": "Pipeline",
    "omitted": "Omitted",
    "weighted": "Weighted",
    "quota": "Quota",
}


@dataclass(frozen=True, slots=True)
class Moved:
    """The weeks that were kept, the last first, and their chart."""

    columns: list[str]
    rows: list[tuple[str, list[str], list[str]]]
    chart: Lines | None


def moved(asked: Asked) -> Moved:
    """How the forecast of a quarter moved, as its weekly snapshots kept it."""
    weeks = weeks_of(asked)
    rows = []
    for monday, one in weeks.items():
        told = ["–" if one[name] is None else whole(one[name]) for name in COLUMNS]
        rows.append((day_words(monday), told, apart_words(left_out(one))))
    kept = list(weeks.values())
    closing = [one["won"] + one["commit"] for one in kept]
    series: dict[str, tuple[str, Any]] = {
        "won": ("Won", [one["won"] for one in kept]),
        "commit": ("Won and commit", closing),
        "best_case": ("With best case", [a + one["best_case"] for a, one in zip(closing, kept, strict=True)]),
        "weighted": ("Won and weighted", [one["won"] + one["weighted"] for one in kept]),
        "quota": ("Quota", [one["quota"] for one in kept]),
    }
    chart = None
    if len(kept) > 1:
        labels = [f"{monday:%b} {monday.day}" for monday in weeks]
        says = f"The forecast of {asked.label} over {len(kept)} weeks. The table has each."
        chart = lines(labels, _known(series), says=says, words=short, exact=whole)
    return Moved(list(COLUMNS.values()), rows[::-1], chart)


def _known(series: dict[str, tuple[str, Any]]) -> dict[str, tuple[str, Any]]:
    """Without lines that have no value."""
    return {kind: one for kind, one in series.items() if any(value is not None for value in one[1])}


@dataclass(frozen=True, slots=True)
class Table:
    """What was forecast in the weeks of one quarter: number, day, source, and each reading with its error."""

    label: str
    address: str
    result: str
    rows: list[tuple[int, str, bool, list[tuple[str, str]]]]


def tried_tables(found: Backtest) -> list[Table]:
    """One for each quarter that is over."""
    return [_table(one) for one in found.quarters]


def _table(one: Tried) -> Table:
    rows = []
    for week in one.weeks:
        cells = []
        for reading in READINGS:
            error = one.error(week, reading)
            cells.append((whole(week.forecast[reading]), error_words(error)))
        rows.append((week.number, day_words(week.monday), week.source == HISTORY, cells))
    place = reverse("admin:forecast") + "?" + urlencode(one.quarter.parameters)
    return Table(one.quarter.label, place, whole(one.result), rows)


def error_words(error: int | None) -> str:
    """A distance with its sign; a dash where there is none."""
    if error is None:
        return "–"
    return f"{error:+d}%" if error else "0%"


def means(found: Backtest) -> list[tuple[int, list[str], int]]:
    """For each week the mean error of each reading, and of how many quarters it is the mean."""
    rows = []
    for number in found.numbers:
        told = [found.mean_error(number, reading) for reading in READINGS]
        count = len(list(found.errors(number, "commit")))
        rows.append((number, ["–" if one is None else f"{one}%" for one in told], count))
    return rows


def means_chart(found: Backtest) -> Lines | None:
    """The mean errors over the weeks; none with fewer than two."""
    numbers = [one for one in found.numbers if found.mean_error(one, "commit") is not None]
    if len(numbers) < 2:
        return None
    series = {
        reading: (label, [found.mean_error(number, reading) for number in numbers])
        for reading, label in READINGS.items()
    }
    labels = [f"Week {number}" for number in numbers]
    says = "How far forecasts were off on average, by week of the quarter. The table has each."
    return lines(labels, series, says=says, words=lambda value: f"{short(value)}%")
