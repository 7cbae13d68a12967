"""The figures of the pipeline beside sums over the rows of the public data set, once it is imported."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from crm import handbook
from crm.people.models import User
from crm.reviews.pipeline.as_of import states
from crm.reviews.pipeline.asked import Asked, Between
from crm.reviews.pipeline.figures import pipeline
from crm.reviews.pipeline.waterfall import Part, lines, waterfall

FileRow = Mapping[str, str]
Piles = dict[Any, tuple[int, Decimal]]
PAIRS = 12


def day_of(cell: str) -> date | None:
    """A day as the file writes them: 3/11/2017."""
    if not cell:
        return None
    month, day, year = map(int, cell.split("/"))
    return date(year, month, day)


def piles(pairs: Iterable[tuple[Any, str | Decimal | None]]) -> Piles:
    """How many, and their sum, by key."""
    found: Piles = defaultdict(lambda: (0, Decimal(0)))
    for key, amount in pairs:
        count, total = found[key]
        found[key] = count + 1, total + Decimal(amount or 0)
    return dict(found)


def adds_up(rows: Sequence[FileRow], stages: Mapping[str, str], at: datetime) -> None:
    """Totals by stage, owner and month are those of the file, and so is what changed between any two of its days."""
    names = {one.pk: str(one) for one in User.objects.all()}
    # Whatever it became: by stage, owner and the month of its close date.
    told = piles(
        ((one.stage, names[one.owner_id or 0], one.close_on and one.close_on.replace(day=1)), one.amount)
        for one in states(at).values()
    )
    assert told == piles(
        (
            (stages[row["deal_stage"]], row["sales_agent"], close and close.replace(day=1)),
            row["close_value"],
        )
        for row in rows
        for close in [day_of(row["close_date"])]
    )
    # What is open now.
    found = pipeline(Asked(), at=at)
    open_keys = {one.key for one in handbook.current().open_stages}
    still = [row for row in rows if stages[row["deal_stage"]] in open_keys]
    assert {key: (one.count, one.amount) for key, one in found.stage.items() if one.count} == piles(
        (stages[row["deal_stage"]], row["close_value"]) for row in still
    )
    assert {names[key]: (one.count, one.amount) for key, one in found.owner.items()} == piles(
        (row["sales_agent"], row["close_value"]) for row in still
    )
    assert {key: one.count for key, one in found.month.items()} == {None: len(still)}
    assert found.total.without == sum(not row["close_value"] for row in still)
    changes_add_up(rows, stages)


def changes_add_up(rows: Sequence[FileRow], stages: Mapping[str, str]) -> None:
    """Between any two days of the file: what was engaged and what was closed, by the file alone."""
    dated = [
        (stages[row["deal_stage"]], day_of(row["engage_date"]), day_of(row["close_date"]), row["close_value"])
        for row in rows
        if row["engage_date"]
    ]
    days = sorted({day for _, *both, _ in dated for day in both if day})
    chance = random.Random(3)
    for number in range(PAIRS):
        start, end = sorted(chance.sample(days, 2)) if number else (days[0], days[-1])
        found = waterfall(Between(start, end, Asked()))

        def is_open(engaged: date | None, closed: date | None, day: date) -> bool:
            return engaged is not None and engaged <= day and (closed is None or closed > day)

        def kind(one: tuple[str, date | None, date | None, str]) -> str:
            stage, engaged, closed, _ = one
            was, is_ = is_open(engaged, closed, start), is_open(engaged, closed, end)  # noqa: B023
            if was and is_:
                return Part.SAME
            ended = Part.WON if stage == "closed_won" else Part.LOST
            if was:
                return ended
            if is_:
                return Part.NEW
            if engaged and closed and start < engaged and closed <= end:  # noqa: B023
                return Part.CAME_WON if stage == "closed_won" else Part.CAME_LOST
            return ""

        expected = piles((kind(one), one[3]) for one in dated)
        signs = {Part.WON: -1, Part.LOST: -1, Part.SAME: 0}
        for part in Part:
            count, total = expected.get(part.value, (0, Decimal(0)))
            step = found.parts[part]
            assert (step.count, step.of("USD")) == (count, total * signs.get(part, 1)), (part, start, end)
        opening = piles((is_open(one[1], one[2], start), one[3]) for one in dated).get(True, (0, Decimal(0)))
        closing = piles((is_open(one[1], one[2], end), one[3]) for one in dated).get(True, (0, Decimal(0)))
        assert (found.opening.count, found.opening.of("USD")) == opening
        assert (found.closing.count, found.closing.of("USD")) == closing
        if not number:
            assert len(lines(found.between, Part.NEW)) == found.parts[Part.NEW].count
