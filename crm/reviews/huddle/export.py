"""The sales huddle as a file: its figures, why, and the whole agenda in one; on record as every export."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from contracts.models import Opportunity
from contracts.models.choices import FORECASTS
from contracts.stages import find_stage
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs.cells import line
from crm.jobs.files import HEADER, part_name
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import Job, JobSlice
from crm.jobs.services import start_job
from crm.jobs.work import work_here
from crm.people.models import User
from crm.reviews.huddle.agenda import Place
from crm.reviews.huddle.list_filter import BARE, BROKEN, GROUPS
from crm.reviews.huddle.scopes import read_scope, scope_words
from crm.reviews.huddle.today import WORDS, today
from crm.reviews.huddle.totals import category_of
from crm.reviews.meetings.kinds import Scope
from crm.reviews.models import Meeting

KIND = "huddle.export"
FIGURES = ["By", "Value", "Opportunities", "Currency", "Amount", "Weighted"]
AGENDA = [
    "Place", "ID", "Owner", "Account", "Stage", "Close date", "Next step", "Due", "Forecast category", "Confidence",
    "Last touch", "Why",
]  # fmt: skip
COLUMNS = [*FIGURES, *AGENDA]


def export_huddle(scope: Scope, *, actor: User, at: datetime, via: str) -> Job:
    """Write what a huddle would go through now into a file; the job is the record of it (L16).

    Raises:
        Refused: `forbidden`.
    """
    refuse_others(actor)
    words = scope_words(scope)
    job = start_job(
        KIND,
        title=f"Export: sales huddle, {words}",
        by=actor,
        at=at,
        input={
            "model": Opportunity._meta.label_lower,
            "plural": "sales huddle",
            "query": words,
            "asked": {name: str(value) for name, value in scope.items()},
            "at": at.isoformat(),
        },
        slices=[{"figures": True}],
        woken=False,
    )
    return work_here(job, via=via)


def refuse_others(user: User) -> None:
    """Everybody human who works here sees the huddle.

    Raises:
        Refused: `forbidden`.
    """
    if not may(user, "view", Meeting):
        raise Refused("forbidden", "The sales huddle is for people who work here.")


def run(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """Write the file, as of the moment at which it was asked for."""
    text = io.StringIO()
    rows = list(lines(read_scope(job.input["asked"]), datetime.fromisoformat(job.input["at"])))
    csv.writer(text).writerows(line(row) for row in rows)
    name = part_name(job, part)
    default_storage.delete(name)
    part.input["file"] = default_storage.save(name, ContentFile(text.getvalue().encode()))
    job.input[HEADER] = COLUMNS
    Job.objects.filter(pk=job.pk).update(input=job.input, total=len(rows))
    return [{"id": None, "label": "Rows", "outcome": "exported", "code": "", "message": "", "count": len(rows)}]


def lines(scope: Scope, at: datetime) -> Iterator[list[Any]]:
    """One line for all, for each category, currency without a rate, promises and reason; then the agenda in order."""
    found = today(scope, at=at)
    totals, rest = found.totals, [""] * len(AGENDA)
    unit = totals["currency"]
    yield ["All", "", *_sums(totals, unit), *rest]
    for key, one in totals["categories"].items():
        yield ["Forecast category", FORECASTS[key], *_sums(one, unit), *rest]
    yield ["All", GROUPS[BARE], totals["without_amount"], "", "", "", *rest]
    for currency, amount in totals["apart"].items():
        yield ["All", "Without a rate", "", currency, amount, "", *rest]
    promises = totals["promises"]
    if found.last:
        yield ["Promises", "Kept since the last huddle", promises["kept"], "", "", "", *rest]
        yield ["Promises", "Kept late since the last huddle", promises["late"], "", "", "", *rest]
    yield ["Promises", GROUPS[BROKEN], promises["not_kept"], "", "", "", *rest]
    for code, count in found.reasons.items():
        yield ["Reason", WORDS[code], count, "", "", "", *rest]
    for number, place in enumerate(found.places, 1):
        yield ["Agenda", *_cells(place, number)]


def _sums(one: Mapping[str, Any], currency: str) -> list[Any]:
    return [one["count"], currency, one["amount"], one["weighted"]]


def _cells(place: Place, number: int) -> list[Any]:
    """One opportunity, in its own currency."""
    row = place.row
    stage, category = find_stage(row.stage), category_of(row)
    return [
        row.name, "", row.currency, row.amount, "", number, row.id, row.owner, row.account,
        stage.label if stage else row.stage, row.close_on, row.next_step, row.next_step_due,
        FORECASTS.get(category, category), row.confidence, row.last_touch.isoformat() if row.last_touch else "",
        "; ".join(WORDS[code] for code in place.reasons),
    ]  # fmt: skip


register(JobKind(KIND, run=run, allow=lambda job: refuse_others(job.by)))
