"""The order of a huddle: why each open opportunity is where it is, and which comes first (P1).

Promises that were not kept come first, then what has no next step, what closes on a day that has passed or was pushed,
what nobody has touched, what is in its stage for too long, what is worth something else; then the rest. Within the
heaviest reason it goes by owner, then by amount. Nothing that is open is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from contracts.stages import find_stage
from crm import handbook
from crm.reviews.huddle.rows import Row, open_rows
from crm.reviews.huddle.scopes import last_held
from crm.reviews.meetings.kinds import Entry, Scope

# The words of each code, the heaviest first.
REASONS: Mapping[str, str] = {
    "step_overdue": "The next step is past due",
    "step_postponed": "The next step was postponed since the last huddle",
    "step_rewritten": "The next step was rewritten since the last huddle",
    "step_dropped": "The next step was dropped since the last huddle",
    "no_step": "No next step",
    "no_due": "The next step has no due date",
    "close_past": "The close date has passed",
    "close_pushed": "The close date was pushed since the last huddle",
    "no_close": "No close date",
    "untouched": "No touch for too long",
    "over_stage": "Longer in its stage than the handbook has it",
    "amount_changed": "The amount changed since the last huddle",
}
# Those that weigh the same are one reason in several forms.
WEIGHTS: Mapping[str, int] = {
    **dict.fromkeys(("step_overdue", "step_postponed", "step_rewritten", "step_dropped"), 1),
    **dict.fromkeys(("no_step", "no_due"), 2),
    **dict.fromkeys(("close_past", "close_pushed", "no_close"), 3),
    "untouched": 4,
    "over_stage": 5,
    "amount_changed": 6,
}
REST = 7
NOT_KEPT = tuple(code for code, weight in WEIGHTS.items() if weight == 1)


@dataclass(frozen=True, slots=True)
class Place:
    """One opportunity of an agenda, and why it is there, the heaviest first."""

    row: Row
    reasons: tuple[str, ...]

    @property
    def weight(self) -> int:
        """The weight of its heaviest reason: 1 is the heaviest."""
        return WEIGHTS[self.reasons[0]] if self.reasons else REST


def places(scope: Scope, *, at: datetime) -> list[Place]:
    """The whole agenda at this moment, in its order: two statements, however long it is."""
    last = last_held(scope, before=at)
    rows = open_rows(scope, since=last.ended_at if last else None, at=at)
    return in_order(Place(row, tuple(reasons_of(row, at=at))) for row in rows)


def in_order(found: Iterable[Place]) -> list[Place]:
    """By weight, owner (nobody's last) and amount, the highest first; what has none, or no rate, after."""

    def key(place: Place) -> tuple[Any, ...]:
        row = place.row
        worth = row.worth if row.worth is not None else Decimal(-1)
        return (place.weight, row.owner_id is None, row.owner.casefold(), row.owner_id or 0, -worth, row.id)

    return sorted(found, key=key)


def reasons_of(row: Row, *, at: datetime) -> Iterator[str]:
    """The codes of why it is where it is, the heaviest first."""
    book = handbook.current()
    today = book.today(at)
    if row.next_step and row.next_step_due is not None and row.next_step_due < today:
        yield "step_overdue"
    if row.postponed:
        yield "step_postponed"
    if row.rewritten:
        yield "step_rewritten"
    if row.dropped:
        yield "step_dropped"
    if not row.next_step:
        yield "no_step"
    elif row.next_step_due is None:
        yield "no_due"
    yield from _of_close_date(row, today)
    if at - row.touched >= timedelta(days=book.reviews.untouched_days):
        yield "untouched"
    stage = find_stage(row.stage)
    if stage is not None and stage.most_days is not None and (at - row.stage_since).days > stage.most_days:
        yield "over_stage"
    other_currency = row.was_currency is not None and row.was_currency != row.currency
    if (row.repriced and row.was_amount != row.amount) or (other_currency and row.amount is not None):
        yield "amount_changed"


def _of_close_date(row: Row, today: date) -> Iterator[str]:
    if row.close_on is None:
        yield "no_close"
        return
    if row.close_on < today:
        yield "close_past"
    if row.was_close is not None and row.close_on > row.was_close:
        yield "close_pushed"


def entry_of(place: Place) -> Entry:
    """The place as a meeting keeps it: how the record is now, by field, as JSON."""
    row = place.row
    before = {
        "stage": row.stage,
        "amount": None if row.amount is None else str(row.amount),
        "currency": row.currency,
        "close_on": row.close_on.isoformat() if row.close_on else None,
        "next_step": row.next_step,
        "next_step_due": row.next_step_due.isoformat() if row.next_step_due else None,
        "stated_forecast": row.stated_forecast,
        "confidence": row.confidence,
        "last_touch": row.last_touch.isoformat() if row.last_touch else None,
        "version": row.version,
    }
    return Entry(row.id, row.name, row.owner_id, place.reasons, before)


def counts_of(found: Iterable[Place]) -> dict[str, int]:
    """How many are there for each reason, in the order of their weight; an opportunity may have several."""
    counts = dict.fromkeys(REASONS, 0)
    for place in found:
        for code in place.reasons:
            counts[code] += 1
    return counts
