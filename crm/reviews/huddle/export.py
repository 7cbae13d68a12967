"""The sales huddle as a file: its figures, why, and the whole agenda in one; on record as every export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from contracts.models import Opportunity
from contracts.models.choices import FORECASTS
from contracts.stages import find_stage
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs.figures import FiguresFile
from crm.jobs.models import Job
from crm.people.models import User
from crm.reviews.huddle.agenda import Place
from crm.reviews.huddle.list_filter import BARE, BROKEN, GROUPS
from crm.reviews.huddle.scopes import read_scope, scope_words
from crm.reviews.huddle.today import WORDS, today
from crm.reviews.huddle.totals import category_of
from crm.reviews.meetings.kinds import Scope
from crm.reviews.models import Meeting

FIGURES = ["By", "Value", "Opportunities", "Currency", "Amount", "Weighted"]
AGENDA = [
    "Place", "ID", "Owner", "Account", "Stage", "Close date", "Next step", "Due", "Forecast category", "Confidence",
    "Last touch", "Why",
]  # fmt: skip
COLUMNS = [*FIGURES, *AGENDA]
WHOLE = "agenda"  # among what is asked for: with the opportunities themselves


def export_huddle(scope: Scope, *, actor: User, at: datetime, via: str) -> Job:
    """Write what a huddle would go through now into a file; the job is the record of it (L16).

    Everybody takes the figures away; the agenda itself is with them for who may take opportunities away.

    Raises:
        Refused: `forbidden`.
    """
    whole = {WHOLE: "1"} if may(actor, "export", Opportunity) else {}
    asked = {**{name: str(value) for name, value in scope.items()}, **whole}
    return FILE.export(asked, title="sales huddle", said=scope_words(scope), actor=actor, at=at, via=via)


def refuse_others(user: User, asked: Mapping[str, str]) -> None:
    """Everybody human who works here sees the huddle; opportunities one by one leave Plumb with managers alone.

    Raises:
        Refused: `forbidden`.
    """
    if not may(user, "view", Meeting):
        raise Refused("forbidden", "The sales huddle is for people who work here.")
    if WHOLE in asked and not may(user, "export", Opportunity):
        raise Refused("forbidden", "Opportunities are for managers to take away.")


def lines(asked: Mapping[str, str], at: datetime) -> Iterator[list[Any]]:
    """One line for all, for each category, currency without a rate, promises and reason; then the agenda in order."""
    found = today(read_scope(asked), at=at)
    yield COLUMNS
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
    for number, place in enumerate(found.places if WHOLE in asked else (), 1):
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


FILE = FiguresFile("huddle.export", Opportunity, lines, refuse_others)
