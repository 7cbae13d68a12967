"""The forecast as a file: figures, snapshots or the backtest, written by a job as every export is, and on record so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from contracts.models import Opportunity
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs.figures import FiguresFile
from crm.jobs.models import Job
from crm.people.models import User
from crm.reviews.forecast.asked import OPEN_PARTS, Asked, read_asked
from crm.reviews.forecast.backtest import READINGS, backtest
from crm.reviews.forecast.figures import Figures, Sum, forecast
from crm.reviews.forecast.snapshots import KEPT, left_out, weeks_of
from crm.reviews.forecast.words import LABELS, apart_words, words_of
from crm.reviews.models import ForecastSnapshot

IN_FILE = ("won", *OPEN_PARTS, "past_due", "earlier", "undated")


def export_forecast(what: str, asked: Asked, *, actor: User, at: datetime, via: str) -> Job:
    """Write one of TABLES into a file; the job is the record of it (L16).

    Raises:
        Refused: `forbidden`, or `unknown_table`.
    """
    if what not in TABLES:
        raise Refused("unknown_table", f"There is no table “{what}” of a forecast: one of {', '.join(TABLES)}.")
    asking = {**asked.parameters, "what": what}
    return FILE.export(asking, title=TITLES[what], said=words_of(asked), actor=actor, at=at, via=via)


def refuse_others(user: User, asked: Mapping[str, str]) -> None:
    """Everybody human who works here sees what is forecast.

    Raises:
        Refused: `forbidden`.
    """
    if user.is_service or not may(user, "view", ForecastSnapshot):
        raise Refused("forbidden", "Forecasts are for the people of the company.")


def figure_lines(asked: Asked, at: datetime) -> Iterator[list[Any]]:
    """One line for all, then one for each owner and team."""
    found = forecast(asked, at=at)
    yield ["All", "", found.currency, *cells(found.total)]
    for key, one in sorted(found.owners.items(), key=lambda item: (item[0] is None, found.names[item[0]])):
        yield ["Owner", found.names[key], found.currency, *cells(one)]
    for key, one in sorted(found.teams.items(), key=lambda item: (item[0] is None, found.team_names[item[0]])):
        yield ["Team", found.team_names[key], found.currency, *cells(one)]


def cells(one: Figures) -> list[Any]:
    """The figures of one line: of each part amount, count, and what is not in the amount."""
    found: list[Any] = []
    for part in IN_FILE:
        found += _of(one[part])
    found += [one.weighted.worth, "; ".join(apart_words(one.weighted.apart))]
    numbers = [one.quota, one.missing, one.attained, one.coverage]
    return [*found, *("" if value is None else value for value in numbers), "; ".join(apart_words(one.quota_apart))]


def _of(one: Sum) -> list[Any]:
    return [one.worth, one.count, one.without, "; ".join(apart_words(one.apart))]


def snapshot_lines(asked: Asked, at: datetime) -> Iterator[list[Any]]:
    """One line for each week that was kept."""
    for monday, one in weeks_of(asked).items():
        sums = [one[name] for name in (*KEPT, "weighted")]
        quota = "" if one["quota"] is None else one["quota"]
        yield [monday, one["taken_at"].isoformat(), *sums, quota, one["won_count"], one["open_count"],
               "; ".join(apart_words(left_out(one)))]  # fmt: skip


def backtest_lines(asked: Asked, at: datetime) -> Iterator[list[Any]]:
    """One line for each week of each quarter that is over."""
    for one in backtest(asked, at=at).quarters:
        for week in one.weeks:
            readings = []
            for reading in READINGS:
                error = one.error(week, reading)
                readings += [week.forecast[reading], "" if error is None else error]
            yield [one.quarter.label, week.number, week.monday, week.source, one.result, *readings]


PER_PART = [
    name
    for part in IN_FILE
    for name in (LABELS[part], f"{LABELS[part]}: opportunities", f"{LABELS[part]}: without an amount",
                 f"{LABELS[part]}: without a rate")
]  # fmt: skip
Lines = Callable[[Asked, datetime], Iterator[list[Any]]]
TABLES: dict[str, tuple[list[str], Lines]] = {
    "figures": (
        ["By", "Value", "Currency", *PER_PART, "Weighted", "Weighted: without a rate", "Quota",
         "Missing to the quota", "Won of the quota (%)", "Coverage (%)", "Quota: without a rate"],
        figure_lines,
    ),
    "snapshots": (
        ["Week of", "Taken at", *(LABELS[part] for part in KEPT), "Weighted", "Quota", "Closed won", "Open",
         "Without a rate"],
        snapshot_lines,
    ),
    "backtest": (
        ["Quarter", "Week", "Week of", "Source", "Result", *(
            name for label in READINGS.values() for name in (label, f"{label}: error (%)"))],
        backtest_lines,
    ),
}  # fmt: skip


def lines(given: Mapping[str, str], at: datetime) -> Iterator[list[Any]]:
    """The headings and rows of one of TABLES."""
    asking = dict(given)
    header, rows = TABLES[asking.pop("what")]
    yield header
    yield from rows(read_asked(asking, at=at), at)


TITLES = {"figures": "the forecast", "snapshots": "weekly forecasts", "backtest": "the forecast’s backtest"}

FILE = FiguresFile("forecast.export", Opportunity, lines, refuse_others)
