"""Lines of the tables of rep activity: every number with the address of what it counts, and the chart beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from crm.core.charts import Chart, Row, chart
from crm.enquiries.attainment_words import percent
from crm.reviews.rep_activity.asked import Asked
from crm.reviews.rep_activity.figures import By, Figures, RepActivity, as_lines
from crm.reviews.rep_activity.words import address_of, answers_listed, labels_of, page_address, people_address

DECIDED = ("kept", "late", "rewritten", "dropped", "past_due")
PARTS = {"outreach": "outreach", "excess": "outreach too often", "other": "other"}
SHOWN = 25  # lines of a table on a page


@dataclass(frozen=True, slots=True)
class Number:
    """A count, and where the records that it counts are; nowhere where it counts none."""

    count: int
    address: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the tables: touches on one side, what came of promises on the other."""

    label: str
    narrow: str
    touches: Number
    kinds: Sequence[Number]
    outreach: Number
    people: Number
    each: str
    excess: Number
    keeping: str
    share: int
    promises: Sequence[Number]
    open: Number
    answered: str
    answers: Number
    converted: Number
    returned: Number


@dataclass(frozen=True, slots=True)
class Table:
    """The lines of one dimension on one page; `more` says how many pages there are."""

    by: By
    title: str
    lines: Sequence[Line]
    count: int
    pages: Sequence[tuple[int, str, bool]]
    chart: Chart | None


def line_of(label: str, asked: Asked, figures: Figures, kinds: Sequence[str], *, narrow: str = "") -> Line:
    """One line of figures, each count with its records."""

    def number(count: int, what: str, kind: str = "") -> Number:
        return Number(count, address_of(asked, what, kind=kind) if count else "")

    answers = figures.answers
    judged = answers.met + answers.breached if answers else 0
    return Line(
        label,
        narrow,
        number(figures.touches, "touches"),
        [number(figures.kinds.get(kind, 0), "touches", kind) for kind in kinds],
        number(figures.outreach, "outreach"),
        Number(figures.people, people_address(asked) if figures.people else ""),
        "–" if figures.each is None else f"{figures.each:.1f}",
        number(figures.excess, "excess"),
        percent(figures.keeping),
        round((figures.keeping or 0) * 100),
        [number(getattr(figures, one), one) for one in DECIDED],
        number(figures.open, "open"),
        percent(answers.kept) if answers else "–",
        Number(judged, answers_listed(asked) if judged else ""),
        number(figures.converted, "converted"),
        number(figures.returned, "returned"),
    )


def narrowed(asked: Asked, by: By, key: int | None) -> Asked:
    """The same, of one owner or account."""
    return replace(asked, owner=key or 0) if by == "owner" else replace(asked, account=key or 0)


def table_of(found: RepActivity, by: By, kinds: Sequence[str], *, page: int, here: str) -> Table:
    """The table of one dimension, and for owners the chart."""
    asked = found.asked
    lines = as_lines(found, by, labels_of(by, list(found.by(by))))
    last = max(1, -(-len(lines) // SHOWN))
    page = min(max(1, page), last)
    shown = lines[(page - 1) * SHOWN : page * SHOWN]
    rows = [(key, label, narrowed(asked, by, key), figures) for key, label, figures in shown]
    return Table(
        by,
        "Owner" if by == "owner" else "Account",
        [line_of(label, one, figures, kinds, narrow=page_address(one)) for _, label, one, figures in rows],
        len(lines),
        [(n, f"{here}&page_{by}={n}#by-{by}", n == page) for n in range(1, last + 1)] if last > 1 else [],
        chart_of([(label, one, figures) for _, label, one, figures in rows]) if by == "owner" else None,
    )


def chart_of(rows: Sequence[tuple[str, Asked, Figures]]) -> Chart | None:
    """Bars of touches by owner: outreach, outreach that came too often, and everything else."""
    drawn = [
        Row(
            label.split(" ")[0],
            address_of(asked, "touches"),
            f"{label}: " + ", ".join(f"{count:,} {PARTS[kind]}" for kind, count in _parts(one)),
            _parts(one),
        )
        for label, asked, one in rows
        if one.touches
    ]
    if not drawn:
        return None
    touches = sum(one.touches for *_, one in rows)
    return chart(drawn, says=f"Touches by owner: {touches:,} in all. The table has each.")


def _parts(one: Figures) -> list[tuple[str, int]]:
    """The touches of a line, each in one part of its bar."""
    return [("outreach", one.outreach - one.excess), ("excess", one.excess), ("other", one.touches - one.outreach)]
