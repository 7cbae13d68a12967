"""The pipeline as files: its figures, its waterfall, and the opportunities of that; on record as every export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from contracts.models import Opportunity
from crm import handbook
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.enquiries.attainment_words import period_words
from crm.jobs.figures import FiguresFile
from crm.jobs.models import Job
from crm.people.choosing import people
from crm.people.models import User
from crm.reviews.models import Meeting
from crm.reviews.pipeline.asked import NARROWING, read_asked, read_between, stage_labels
from crm.reviews.pipeline.figures import DIMENSIONS, Figures, pipeline
from crm.reviews.pipeline.waterfall import CLOSING, OPENING, Part, Seen, lines, waterfall
from crm.reviews.pipeline.words import TITLES, narrowing_words, ordered, words_of

Asking = Mapping[str, str]
PIPELINE = [
    "By", "Value", "Open", "Currency", "Amount", "Weighted", "Without an amount", "Without a rate",
    "Amounts without a rate",
]  # fmt: skip
WATERFALL = ["Part", "Opportunities", "Currency", "Amount", "Without an amount"]
SIDE = ["owner", "stage", "amount", "currency", "close date"]
RECORDS = [
    "Part", "ID", "Name", *(f"{name.capitalize()} before" for name in SIDE), *(f"{name.capitalize()} after"
    for name in SIDE), "Adds", "In",
]  # fmt: skip


def export_pipeline(what: str, given: Asking, *, actor: User, at: datetime, via: str) -> Job:
    """Write one of the files of `KINDS`; the job is the record of it (L16).

    Raises:
        Refused: `forbidden`, `unknown_file`, or `missing_facts` for what will not do.
    """
    if what not in KINDS:
        raise Refused("unknown_file", f"There is no such file: one of {', '.join(KINDS)}.")
    said, asking = _said(what, given, at)
    asked = {**asking, "what": what}
    return FILE.export(asked, title=TITLES_OF[what], said=said, actor=actor, at=at, via=via)


def refuse_others(user: User, asked: Asking) -> None:
    """Everybody human who works here sees the pipeline; its opportunities one by one leave Plumb with managers alone.

    Raises:
        Refused: `forbidden`.
    """
    if not may(user, "view", Meeting):
        raise Refused("forbidden", "The pipeline is for people who work here.")
    if asked.get("what") == "records" and not may(user, "export", Opportunity):
        raise Refused("forbidden", "Opportunities are for managers to take away.")


def _said(what: str, given: Asking, at: datetime) -> tuple[str, dict[str, str]]:
    """What is asked for in words, and as it is kept."""
    if what == "pipeline":
        asked = read_asked({name: given[name] for name in NARROWING if name in given})
        return words_of(asked), asked.parameters
    between = read_between(given, at=at)
    part = read_part(given.get("part", ""))
    said = ", ".join([period_words(between.start, between.end), *narrowing_words(between.asked)])
    return said, {**between.parameters, **({"part": part} if part else {})}


def read_part(text: str) -> str:
    """A part of the waterfall, its opening or its closing; empty for all.

    Raises:
        Refused: `invalid_part` for anything else.
    """
    known = [OPENING, *Part.values, CLOSING]
    if text and text not in known:
        raise Refused("invalid_part", f"Part: one of {', '.join(known)}.")
    return text


def pipeline_lines(given: Asking, at: datetime) -> Iterator[list[Any]]:
    """One line for all, then one for each stage, month and owner."""
    found = pipeline(read_asked(given), at=at)
    currency = handbook.current().company.currency
    yield ["All", "", *_cells(found.total, currency)]
    for by in DIMENSIONS:
        for key, label, one in ordered(found, by):
            yield [TITLES[by], key.isoformat() if by == "month" and key else label, *_cells(one, currency)]


def _cells(one: Figures, currency: str) -> list[Any]:
    apart = "; ".join(f"{total} {name}" for name, (total, _) in sorted(one.apart.items()))
    return [one.count, currency, one.amount, one.weighted, one.without, one.unrated, apart]


def waterfall_lines(given: Asking, at: datetime) -> Iterator[list[Any]]:
    """One line for each part and currency, from the opening to the closing, and then what is in neither."""
    found = waterfall(read_between(given, at=at))
    steps = list(found.steps())
    told = {key for key, _, _ in steps}
    steps += [(part.value, str(part.label), found.parts[part]) for part in Part if part.value not in told]
    for _, label, step in steps:
        for currency in (found.currency, *found.currencies):
            if currency == found.currency or step.of(currency):
                yield [label, step.count, currency, step.of(currency), step.without]


def record_lines(given: Asking, at: datetime) -> Iterator[list[Any]]:
    """One line for each opportunity and currency: as it was before and after, and what it adds."""
    found = lines(read_between(given, at=at), given.get("part", ""))
    sides = [side for one in found for side in (one.before, one.after) if side]
    names, stages = people(list({side.owner_id for side in sides})), stage_labels()
    labels = dict(Part.choices)

    def cells(side: Seen | None) -> list[Any]:
        if side is None:
            return [""] * len(SIDE)
        owner = names.get(side.owner_id, "")
        return [owner, stages.get(side.stage, side.stage), side.amount, side.currency, side.close_on]

    for one in found:
        sums: list[tuple[str, Any]] = [*one.adds.items()] or [("", "")]
        for currency, adds in sums:
            ends = [*cells(one.before), *cells(one.after)]
            yield [labels.get(one.part, one.part), one.id, one.name, *ends, adds, currency]


Writer = Callable[[Asking, datetime], Iterator[list[Any]]]
KINDS: dict[str, tuple[list[str], Writer]] = {
    "pipeline": (PIPELINE, pipeline_lines),
    "waterfall": (WATERFALL, waterfall_lines),
    "records": (RECORDS, record_lines),
}
TITLES_OF = {
    "pipeline": "pipeline",
    "waterfall": "changes of the pipeline",
    "records": "opportunities of changes of the pipeline",
}


def written(given: Asking, at: datetime) -> Iterator[list[Any]]:
    """The headings and rows of one of KINDS."""
    asking = dict(given)
    header, rows = KINDS[asking.pop("what")]
    yield header
    yield from rows(asking, at)


FILE = FiguresFile("pipeline.export", Opportunity, written, refuse_others)
