"""What changed the open pipeline between the ends of two days (P4): exact to the record, from history alone.

Each opportunity that was in the pipeline at either end is in one part, by what it was at both: those that are new,
won, lost and so on whole, those that stayed by the difference. The opening and the parts add up to the closing, in the
company's currency and in each currency that has no rate.

In the pipeline is what is open and fulfils what is asked of it (an owner, days of closing) as it was then; teams are as
they are now. What came and went within the days was in it at neither end: it is told apart, in no sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection, models

from crm.reviews.pipeline.as_of import as_of
from crm.reviews.pipeline.asked import Between
from crm.reviews.pipeline.valued import Statement


class Part(models.TextChoices):
    """What became of an opportunity between the two days, in the order in which it is told."""

    NEW = "new", "New"
    REOPENED = "reopened", "Reopened"
    MOVED_IN = "moved_in", "Moved in"
    GROWN = "grown", "Grown"
    REVALUED = "revalued", "Revalued"
    SHRUNK = "shrunk", "Shrunk"
    MOVED_OUT = "moved_out", "Moved out"
    WON = "won", "Won"
    LOST = "lost", "Lost"
    DELETED = "deleted", "Deleted"
    SAME = "same", "Unchanged"
    # In the pipeline at neither end.
    CAME_WON = "came_won", "Came and won"
    CAME_LOST = "came_lost", "Came and lost"


OPENING, CLOSING = "opening", "closing"
APART = (Part.CAME_WON, Part.CAME_LOST)
# The parts that have a bar.
MOVING = tuple(part for part in Part if part not in (Part.SAME, *APART))
MEANINGS: dict[str, str] = {
    OPENING: "Open at the end of the first day",
    Part.NEW: "Not there on the first day: new, or brought back",
    Part.REOPENED: "Closed on the first day, open on the last",
    Part.MOVED_IN: "Open on both days, but not counted on the first: another close date, owner, type or account",
    Part.GROWN: "A higher amount",
    Part.REVALUED: "Another exchange rate, or a currency that has one on one of the days only",
    Part.SHRUNK: "A lower amount",
    Part.MOVED_OUT: "Open on both days, but not counted on the last",
    Part.WON: "Closed won",
    Part.LOST: "Closed lost",
    Part.DELETED: "Not there any more on the last day",
    CLOSING: "Open at the end of the last day",
    Part.SAME: "Counted on both days with the same amount",
    Part.CAME_WON: "Made after the first day and won by the last",
    Part.CAME_LOST: "Made after the first day and lost by the last",
}
SIDE = """SELECT o.*, CASE WHEN o.worth IS NOT NULL THEN %({currency})s WHEN o.amount IS NOT NULL THEN o.currency END
                     AS bucket, COALESCE(o.worth, o.amount, 0) AS value, ({asked}) AS asked,
                 (o.kind = 'open' AND {asked}) AS inside
          FROM ({rows}) o"""
COMPARED = ("name", "account_id", "owner_id", "stage", "kind", "amount", "currency", "close_on", "bucket", "value")
# A record whose amount is now in another currency, one of them without a rate, has left one sum for another.
PARTS = """
    WITH b AS MATERIALIZED ({before}), a AS MATERIALIZED ({after})
    SELECT COALESCE(b.id, a.id) AS id, b.inside IS TRUE AS was_in, a.inside IS TRUE AS is_in, {columns},
           CASE WHEN b.inside AND a.inside THEN
                    CASE WHEN b.bucket <> a.bucket THEN 'revalued'
                         WHEN a.value = b.value THEN 'same'
                         WHEN b.amount = a.amount AND b.currency = a.currency THEN 'revalued'
                         WHEN a.value > b.value THEN 'grown' ELSE 'shrunk' END
                WHEN a.inside THEN
                    CASE WHEN b.id IS NULL THEN 'new' WHEN b.kind IN ('won', 'lost') THEN 'reopened'
                         ELSE 'moved_in' END
                WHEN b.inside THEN
                    CASE WHEN a.id IS NULL THEN 'deleted' WHEN a.kind IN ('won', 'lost') THEN a.kind
                         ELSE 'moved_out' END
                ELSE 'came_' || a.kind END AS part
    FROM b FULL JOIN a USING (id)
    WHERE b.inside OR a.inside OR (b.id IS NULL AND a.asked AND a.kind IN ('won', 'lost'))
"""
FIGURES = """
    WITH parts AS MATERIALIZED ({parts})
    SELECT part, bucket, count(DISTINCT id), count(DISTINCT id) FILTER (WHERE bucket IS NULL), sum(value)
    FROM (
        SELECT 'opening' AS part, id, before_bucket AS bucket, before_value AS value FROM parts WHERE was_in
        UNION ALL SELECT 'closing', id, after_bucket, after_value FROM parts WHERE is_in
        UNION ALL SELECT part, id, before_bucket, -before_value FROM parts WHERE was_in
        UNION ALL SELECT part, id, after_bucket, after_value FROM parts WHERE is_in
        UNION ALL SELECT part, id, after_bucket, after_value FROM parts WHERE part LIKE 'came%%'
    ) one GROUP BY GROUPING SETS ((part), (part, bucket))
"""


@dataclass(slots=True)
class Step:
    """One part: how many opportunities, and what they add to the pipeline, by currency (the company's among them).

    `without` of them have no amount, on one of the days at least: that adds nothing.
    """

    count: int = 0
    without: int = 0
    sums: dict[str, Decimal] = field(default_factory=dict)

    def of(self, currency: str) -> Decimal:
        """What it adds in one currency."""
        return self.sums.get(currency, Decimal(0))


@dataclass(slots=True)
class Waterfall:
    """From the opening to the closing; `currencies` are those without a rate that are told apart."""

    between: Between
    currency: str
    opening: Step = field(default_factory=Step)
    closing: Step = field(default_factory=Step)
    parts: dict[Part, Step] = field(default_factory=dict)

    @property
    def currencies(self) -> list[str]:
        """Those without a rate, in the order of their letters."""
        steps = [self.opening, self.closing, *self.parts.values()]
        return sorted({name for one in steps for name in one.sums} - {self.currency})

    def steps(self) -> Iterator[tuple[str, str, Step]]:
        """Key, label and figures, from the opening through every part that has a bar to the closing."""
        yield OPENING, "Opening", self.opening
        for part in MOVING:
            yield part.value, str(part.label), self.parts[part]
        yield CLOSING, "Closing", self.closing


@dataclass(frozen=True, slots=True)
class Seen:
    """An opportunity as it was at one end. `value` is in the currency `bucket`: the company's, else its own without a
    rate; without an amount there is neither."""

    name: str
    account_id: int
    owner_id: int | None
    stage: str
    kind: str
    amount: Decimal | None
    currency: str
    close_on: date | None
    bucket: str | None
    value: Decimal


@dataclass(frozen=True, slots=True)
class Line:
    """One opportunity of a part: as it was before and after (None where it was not there), and what it adds."""

    id: int
    part: str
    before: Seen | None
    after: Seen | None
    adds: Mapping[str, Decimal]

    @property
    def name(self) -> str:
        """What it is called now, or was at the end."""
        last = self.after or self.before
        return last.name if last else ""


def waterfall(between: Between) -> Waterfall:
    """The figures of every part, in one query."""
    parts, params = _parts(between)
    found = Waterfall(between, params["b_currency"], parts={part: Step() for part in Part})
    named: dict[str, Step] = {part.value: step for part, step in found.parts.items()}
    named |= {OPENING: found.opening, CLOSING: found.closing}
    with connection.cursor() as cursor:
        cursor.execute(FIGURES.format(parts=parts), params)
        rows: Sequence[tuple[str, str | None, int, int, Decimal]] = cursor.fetchall()
    for part, bucket, count, without, total in rows:
        step = named[part]
        if bucket is None:
            # Of all of the part; its sum is over several currencies, and that of those without an amount is nothing.
            step.count, step.without = max(step.count, count), max(step.without, without)
        else:
            step.sums[bucket] = total
    return found


def lines(between: Between, part: str = "", *, limit: int | None = None, offset: int = 0) -> list[Line]:
    """The opportunities of a part, those that add most first; without a part, of all that have one.

    `part` may be the opening or the closing as well.
    """
    parts, params = _parts(between)
    where = {"": "part <> 'same'", OPENING: "was_in", CLOSING: "is_in"}.get(part, "part = %(part)s")
    order = "abs(COALESCE(after_value, 0) * is_in::int - COALESCE(before_value, 0) * was_in::int) DESC, id"
    if part in ("", OPENING, CLOSING):
        order = "part, id" if not part else f"{'before' if part == OPENING else 'after'}_value DESC, id"
    statement = f"SELECT * FROM ({parts}) one WHERE {where} ORDER BY {order} LIMIT %(limit)s OFFSET %(offset)s"
    with connection.cursor() as cursor:
        cursor.execute(statement, {**params, "part": part, "limit": limit, "offset": offset})
        names = [column.name for column in cursor.description or ()]
        return [_line(dict(zip(names, row, strict=True))) for row in cursor]


def _line(row: Mapping[str, Any]) -> Line:
    before, after = (
        Seen(**{name: row[f"{side}_{name}"] for name in COMPARED}) if row[f"{side}_name"] is not None else None
        for side in ("before", "after")
    )
    adds: dict[str, Decimal] = {}
    for seen, inside, sign in ((before, row["was_in"], -1), (after, row["is_in"], 1)):
        if seen and inside and seen.bucket:
            adds[seen.bucket] = adds.get(seen.bucket, Decimal(0)) + sign * seen.value
    return Line(row["id"], row["part"], before, after, adds)


def _parts(between: Between) -> Statement:
    """Every opportunity that is in a part, with both ends."""
    start, end = between.moments
    clauses, params = between.asked.narrowed.conditions()
    asked = " AND ".join(clauses) or "true"
    sides = []
    for name, at in (("b", start), ("a", end)):
        rows, given = as_of(at, named=name)
        sides.append(SIDE.format(currency=f"{name}_currency", asked=asked, rows=rows))
        params |= given
    columns = ", ".join(
        f"{side}.{name} AS {said}_{name}" for side, said in (("b", "before"), ("a", "after")) for name in COMPARED
    )
    return PARTS.format(before=sides[0], after=sides[1], columns=columns), params
