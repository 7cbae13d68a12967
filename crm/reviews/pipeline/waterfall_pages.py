"""The pages of the waterfall (P4): what changed the pipeline between two days, and which opportunities that were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.models import Account
from contracts.models import Opportunity
from crm import handbook
from crm.core.asking import moment, user_of
from crm.core.charts import Chart
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.enquiries.attainment_words import day_words
from crm.people.choosing import people
from crm.reviews import periods
from crm.reviews.pipeline.asked import NARROWING, Between, read_between, stage_labels
from crm.reviews.pipeline.charts import Column, columns
from crm.reviews.pipeline.choosing import Span, spans
from crm.reviews.pipeline.export import read_part
from crm.reviews.pipeline.pages import given, refuse_others, shared
from crm.reviews.pipeline.tables import Number
from crm.reviews.pipeline.waterfall import (
    APART,
    CLOSING,
    MEANINGS,
    OPENING,
    Line,
    Part,
    Seen,
    Step,
    Waterfall,
    lines,
    waterfall,
)
from crm.reviews.pipeline.words import money
from crm.site import site

SIZE = 100
ASKED = ("from", "to", *NARROWING)


@dataclass(frozen=True, slots=True)
class Row:
    """One part in the table: its number of opportunities, and what it adds in each currency."""

    key: str
    label: str
    meaning: str
    count: Number
    sums: Sequence[str]
    without: int
    end: bool


@dataclass(frozen=True, slots=True)
class Side:
    """An opportunity at one end, in words."""

    stage: str
    amount: str
    close: str
    owner: str


@dataclass(frozen=True, slots=True)
class Record:
    """One opportunity of a part, before and after; without an address, once it is deleted."""

    name: str
    address: str
    account: str
    part: str
    pairs: Sequence[tuple[str, str, str]]
    adds: Sequence[str]


@site.page("reviews/pipeline/changes/", "pipeline_waterfall")
@require_safe
def pipeline_waterfall(request: HttpRequest) -> HttpResponse:
    """What changed between the ends of two days."""
    refuse_others(request)
    at = moment(request)
    problem, status = "", HTTPStatus.OK
    try:
        between = read_between(given(request, ASKED), at=at)
    except Refused as refused:
        problem, status = refused.message, HTTPStatus.BAD_REQUEST
        between = read_between({}, at=at)
    found = waterfall(between)
    apart = [row for row in rows(found, APART) if row.count.address]
    context = {
        **shared(request, between.asked),
        "title": "What changed the pipeline",
        "problem": problem,
        "between": between,
        "days": days_words(between),
        "currency": found.currency,
        "currencies": found.currencies,
        "between_spans": between_spans(between, at),
        "spans": spans(between.asked, at, {"from": between.start.isoformat(), "to": between.end.isoformat()}),
        "rows": rows(found),
        "apart": apart,
        "without": found.opening.without + found.closing.without,
        "same": rows(found, (Part.SAME,))[0],
        "chart": chart(found),
        "empty": not (found.opening.count or found.closing.count),
        "now": f"{reverse('admin:pipeline')}?{urlencode(between.asked.parameters)}",
        "parameters": between.parameters,
        "what": "waterfall",
    }
    return TemplateResponse(request, "reviews/pipeline_changes.html", context, status=status)


@site.page("reviews/pipeline/changes/opportunities/", "pipeline_waterfall_records")
@require_safe
def pipeline_waterfall_records(request: HttpRequest) -> HttpResponse:
    """The opportunities of one part, as they were before and after."""
    refuse_others(request)
    at = moment(request)
    problem, status, part = "", HTTPStatus.OK, ""
    try:
        between = read_between(given(request, ASKED), at=at)
        part = read_part(request.GET.get("part", ""))
    except Refused as refused:
        problem, status = refused.message, HTTPStatus.BAD_REQUEST
        between = read_between({}, at=at)
    page = max(1, whole_number(request.GET.get("page", "1")) or 1)
    found = lines(between, part, limit=SIZE + 1, offset=(min(page, 10_000) - 1) * SIZE)
    label = labels()[part] if part else "All"
    there = {**between.parameters, **({"part": part} if part else {})}
    context = {
        **shared(request, between.asked),
        "title": f"Pipeline changes: {label.lower()}",
        "problem": problem,
        "label": label,
        "meaning": MEANINGS.get(part, ""),
        "days": days_words(between),
        "records": records(found[:SIZE], parts=not part),
        "shows_part": not part,
        "page": page,
        "earlier": "?" + urlencode({**there, "page": str(page - 1)}) if page > 1 else "",
        "further": "?" + urlencode({**there, "page": str(page + 1)}) if len(found) > SIZE else "",
        "back": address(between),
        "parameters": there,
        "what": "records",
        "may_export": may(user_of(request), "export", Opportunity),
    }
    return TemplateResponse(request, "reviews/pipeline_records.html", context, status=status)


def labels() -> dict[str, str]:
    """What each part is called, the ends too."""
    return {OPENING: "Opening", **{part.value: str(part.label) for part in Part}, CLOSING: "Closing"}


def days_words(between: Between) -> str:
    """From the end of one day to that of another."""
    return f"end of {day_words(between.start)} to end of {day_words(between.end)}"


def address(between: Between) -> str:
    """The waterfall itself."""
    return f"{reverse('admin:pipeline_waterfall')}?{urlencode(between.parameters)}"


def part_address(between: Between, part: str) -> str:
    """The opportunities of a part."""
    return f"{reverse('admin:pipeline_waterfall_records')}?{urlencode({**between.parameters, 'part': part})}"


def between_spans(between: Between, at: datetime) -> list[Span]:
    """Usual pairs of days; each until today but the last week's."""
    book = handbook.current()
    today = book.today(at)
    monday = periods.week_of(today)
    quarter = periods.quarter_of(today, book.company.fiscal_year_start)[0]
    day = timedelta(days=1)
    usual: list[tuple[str, date, date]] = [
        ("7 days", today - 7 * day, today),
        ("Last week", monday - 8 * day, monday - day),
        ("30 days", today - 30 * day, today),
        ("This quarter", quarter - day, today),
    ]
    found = []
    for label, start, end in usual:
        there = Between(start, max(end, start + day), between.asked)
        found.append(Span(label, "?" + urlencode(there.parameters), there == between))
    return found


def rows(found: Waterfall, only: Sequence[Part] = ()) -> list[Row]:
    """The parts as the table has them, or only these."""
    steps = [(p.value, str(p.label), found.parts[p]) for p in only] if only else list(found.steps())
    return [row(found, key, label, step) for key, label, step in steps]


def row(found: Waterfall, key: str, label: str, step: Step) -> Row:
    """One part, with what it opens."""
    end = key in (OPENING, CLOSING)
    there = part_address(found.between, key) if step.count else ""
    plain = end or key in {part.value for part in APART}
    sums = [
        signed(step.of(name), plain=plain) if name == found.currency or step.of(name) else ""
        for name in (found.currency, *found.currencies)
    ]
    return Row(key, label, MEANINGS[key], Number(f"{step.count:,}", there), sums, step.without, end)


def signed(amount: Decimal, *, plain: bool = False) -> str:
    """What a part adds, with its sign."""
    return money(amount) if plain or amount <= 0 else f"+{money(amount)}"


def chart(found: Waterfall) -> Chart:
    """Bars that float from where the one before them ended."""
    level, bars = Decimal(0), []
    for key, label, step in found.steps():
        adds = step.of(found.currency)
        there = part_address(found.between, key) if step.count else ""
        says = (
            f"{label}: {signed(adds, plain=key in (OPENING, CLOSING))} {found.currency}, {step.count:,} opportunities"
        )
        if key in (OPENING, CLOSING):
            parts = [("pp-end", Decimal(0), adds)]
            level = adds
        else:
            parts = [("pp-up" if adds > 0 else "pp-down", level, level + adds)]
            level += adds
        bars.append(Column(label, there, says, parts))
    told = ", ".join(f"{label.lower()} {signed(one.of(found.currency))}" for _, label, one in found.steps())
    return columns(
        bars, says=f"From the opening to the closing in {found.currency}: {told}. The table has each.", all_labels=True
    )


def records(found: Sequence[Line], *, parts: bool) -> list[Record]:
    """The opportunities in words; names in one query for each kind."""
    sides = [side for one in found for side in (one.before, one.after) if side]
    owners = people(list({side.owner_id for side in sides}))
    accounts = dict(Account.objects.filter(pk__in={side.account_id for side in sides}).values_list("pk", "name"))
    here = set(Opportunity.objects.filter(pk__in=[one.id for one in found]).values_list("pk", flat=True))
    stages = stage_labels()
    made = []
    for one in found:
        before, after = in_words(one.before, owners, stages), in_words(one.after, owners, stages)
        # That it was not there is said once; of the rest there is only what it was where it was.
        pairs = [
            (name, was or now, now or was)
            for name, was, now in (
                ("Stage", before.stage, after.stage),
                ("Amount", before.amount, after.amount),
                ("Close date", before.close, after.close),
                ("Owner", before.owner, after.owner),
            )
        ]
        last = one.after or one.before
        made.append(
            Record(
                one.name,
                reverse("admin:contracts_opportunity_change", args=[one.id]) if one.id in here else "",
                accounts.get(last.account_id, "") if last else "",
                labels().get(one.part, one.part) if parts else "",
                pairs,
                [f"{signed(total)} {name}" for name, total in sorted(one.adds.items())],
            )
        )
    return made


def in_words(side: Seen | None, owners: Mapping[int | None, str], stages: Mapping[str, str]) -> Side:
    """One end in words; where it was not there, only that."""
    if side is None:
        return Side("Not there", "", "", "")
    amount = "No amount" if side.amount is None else f"{money(side.amount)} {side.currency}"
    close = day_words(side.close_on) if side.close_on else "No close date"
    return Side(stages.get(side.stage, side.stage), amount, close, owners.get(side.owner_id, "Nobody"))
