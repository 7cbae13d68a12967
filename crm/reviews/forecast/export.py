"""The forecast as a file: figures, snapshots or the backtest, written by a job as every export is, and on record so."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from contracts.models import Opportunity
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs.cells import line
from crm.jobs.files import HEADER, part_name
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import Job, JobSlice
from crm.jobs.services import start_job
from crm.jobs.work import work_here
from crm.people.models import User
from crm.reviews.forecast.asked import OPEN_PARTS, Asked, read_asked
from crm.reviews.forecast.backtest import READINGS, backtest
from crm.reviews.forecast.figures import Figures, Sum, forecast
from crm.reviews.forecast.snapshots import KEPT, left_out, weeks_of
from crm.reviews.forecast.words import LABELS, apart_words, words_of
from crm.reviews.models import ForecastSnapshot

KIND = "forecast.export"
IN_FILE = ("won", *OPEN_PARTS, "past_due", "earlier", "undated")


def export_forecast(what: str, asked: Asked, *, actor: User, at: datetime, via: str) -> Job:
    """Write one of TABLES into a file; the job is the record of it (L16).

    Raises:
        Refused: `forbidden`, or `unknown_table`.
    """
    refuse_others(actor)
    if what not in TABLES:
        raise Refused("unknown_table", f"There is no table “{what}” of a forecast: one of {', '.join(TABLES)}.")
    title = TITLES[what]
    job = start_job(
        KIND,
        title=f"Export: {title}, {words_of(asked)}",
        by=actor,
        at=at,
        input={
            "model": Opportunity._meta.label_lower,
            "plural": title,
            "query": words_of(asked),
            "what": what,
            "asked": asked.parameters,
            "at": at.isoformat(),
        },
        slices=[{"figures": True}],
        woken=False,
    )
    return work_here(job, via=via)


def refuse_others(user: User) -> None:
    """Everybody human who works here sees what is forecast.

    Raises:
        Refused: `forbidden`.
    """
    if user.is_service or not may(user, "view", ForecastSnapshot):
        raise Refused("forbidden", "Forecasts are for the people of the company.")


def run(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """Write the file, as of the moment at which it was asked for."""
    moment = datetime.fromisoformat(job.input["at"])
    header, rows_of = TABLES[job.input["what"]]
    rows = list(rows_of(read_asked(job.input["asked"], at=moment), moment))
    text = io.StringIO()
    csv.writer(text).writerows(line(row) for row in rows)
    name = part_name(job, part)
    default_storage.delete(name)
    part.input["file"] = default_storage.save(name, ContentFile(text.getvalue().encode()))
    job.input[HEADER] = header
    Job.objects.filter(pk=job.pk).update(input=job.input, total=len(rows))
    return [{"id": None, "label": "Rows", "outcome": "exported", "code": "", "message": "", "count": len(rows)}]


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
TITLES = {"figures": "the forecast", "snapshots": "weekly forecasts", "backtest": "the forecast’s backtest"}

register(JobKind(KIND, run=run, allow=lambda job: refuse_others(job.by)))
