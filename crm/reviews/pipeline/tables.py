"""The tables of the pipeline, each number with what it opens, and the charts beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from urllib.parse import urlencode

from crm.core.charts import Chart
from crm.reviews.pipeline.asked import Asked
from crm.reviews.pipeline.charts import Column, columns
from crm.reviews.pipeline.figures import By, Figures, Pipeline
from crm.reviews.pipeline.words import (
    HEADINGS,
    LACK_WORDS,
    TITLES,
    list_address,
    money,
    of_value,
    ordered,
)

# So many bars are told apart; beyond them the table has each.
MOST_BARS = 24


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is said, and where what it counts is listed; none where it counts nothing."""

    said: str
    address: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table. `notes` tell what is in its count and in none of its sums."""

    label: str
    narrow: str
    count: Number
    amount: Number
    weighted: Number
    notes: Sequence[Number]


@dataclass(frozen=True, slots=True)
class Table:
    """One table with its chart."""

    by: str
    heading: str
    title: str
    lines: Sequence[Line]
    chart: Chart | None
    cut: int = 0


def line_of(label: str, asked: Asked, one: Figures, narrow: str = "") -> Line:
    """One line of figures, each with its list."""
    there = list_address(asked) if one.count else ""
    return Line(
        label,
        narrow,
        Number(f"{one.count:,}", there),
        Number(money(one.amount), there),
        Number(money(one.weighted), there),
        notes_of(asked, one),
    )


def notes_of(asked: Asked, one: Figures) -> list[Number]:
    """What has no amount, and the sums without a rate by currency."""
    notes = []
    if one.without:
        notes.append(Number(f"{one.without:,} {LACK_WORDS['amount']}", list_address(replace(asked, lack="amount"))))
    for currency, (total, count) in sorted(one.apart.items()):
        said = f"{money(total)} {currency} {LACK_WORDS['rate']} ({count:,})"
        notes.append(Number(said, list_address(replace(asked, lack="rate", currency=currency))))
    return notes


def table(found: Pipeline, by: By, currency: str) -> Table:
    """The table of one dimension; the page itself narrowed to a line is one click away, where it can be."""
    lines, bars = [], []
    for key, label, one in ordered(found, by):
        asked = of_value(found.asked, by, key)
        narrow = "?" + urlencode(asked.parameters) if by == "owner" and one.count else ""
        lines.append(line_of(label, asked, one, narrow))
        bars.append(_column(label, asked, one, currency))
    shown = bars if by != "owner" else bars[:MOST_BARS]
    chart = columns(shown, says=f"{HEADINGS[by]}: amounts and weighted amounts in {currency}. The table has each.")
    return Table(by, HEADINGS[by], TITLES[by], lines, chart if len(lines) > 1 else None, len(bars) - len(shown))


def short(label: str) -> str:
    """A label that fits below a bar."""
    return label if len(label) <= 13 else f"{label[:12].rstrip()}…"


def _column(label: str, asked: Asked, one: Figures, currency: str) -> Column:
    says = f"{label}: {one.count:,} open, {money(one.amount)} {currency}, weighted {money(one.weighted)}"
    parts = [("pp-weighted", Decimal(0), one.weighted), ("pp-rest", one.weighted, one.amount)]
    return Column(short(label), list_address(asked) if one.count else "", says, parts)


def tiles(found: Pipeline, currency: str) -> list[tuple[str, Number]]:
    """The figures in total."""
    total = line_of("", found.asked, found.total)
    return [
        ("Open opportunities", total.count),
        (f"Amount, {currency}", total.amount),
        (f"Weighted, {currency}", total.weighted),
    ]
