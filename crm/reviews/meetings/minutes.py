"""The minutes of a meeting: who was there, the figures, and per item what was promised, answered, changed and decided.

What changed is read off the change log, for the items of one page at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, IntegerField, QuerySet, Value, When

from crm.core.display import names_of, shown
from crm.core.labels import field_label
from crm.core.later import by_column
from crm.history.models import Change
from crm.reviews.meetings.answering import NOTHING_NEW
from crm.reviews.meetings.holding import kind_of
from crm.reviews.meetings.kinds import ReviewKind
from crm.reviews.models import Item, Meeting

PAGE = 200
# Beside the figures at the start stand those at the end: minutes of a year ago say what they said then.
END = "at_the_end"
# In the order they are told.
ORDER = (Item.State.ANSWERED, Item.State.SKIPPED, Item.State.GONE, Item.State.WAITING)


@dataclass(frozen=True, slots=True)
class Told:
    """One item as the minutes tell it. `changes` are (field, before, after) in words."""

    item: Item
    address: str
    answers: Sequence[str]
    promised: Sequence[str]
    changes: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the whole: at the start of the meeting, and at its end; while it runs, now."""

    label: str
    before: str
    now: str


def in_order(meeting: Meeting) -> QuerySet[Item]:
    """The agenda as the minutes go through it: what was answered, what was skipped, what is gone."""
    place = Case(
        *(When(state=state, then=Value(number)) for number, state in enumerate(ORDER)), output_field=IntegerField()
    )
    return meeting.items.select_related("owner", "answered_by").order_by(place, "position")


def told(meeting: Meeting, items: Sequence[Item], *, at: datetime) -> list[Told]:
    """These items as the minutes tell them; as many queries however many they are."""
    review = kind_of(meeting)
    records = review.find([one.record_id for one in items])
    promised = review.told(items)
    changed = changes_in(meeting, [one.record_id for one in items], at=at)
    return [
        Told(
            item,
            review.address(records[item.record_id]) if item.record_id in records else "",
            answer_words(review, item),
            promised.get(item.pk, ()),
            changed.get(item.record_id, ()),
        )
        for item in items
    ]


def answer_words(review: ReviewKind, item: Item) -> list[str]:
    """What was done, in words, in its order."""
    words = {NOTHING_NEW: "Nothing new", **review.answers}
    return [words.get(code, code) for code in item.answers]


def changes_in(meeting: Meeting, ids: Sequence[int], *, at: datetime) -> Mapping[int, Sequence[tuple[str, str, str]]]:
    """What changed of these records while the meeting was held: (field, before, after) in words, by record."""
    review = kind_of(meeting)
    model = review.model
    rows = Change.objects.filter(
        object=str(model._meta.model_name),
        record_id__in=list(ids),
        op="U",
        at__gte=meeting.started_at,
        at__lte=meeting.ended_at or at,
    )
    by_record: dict[int, list[Change]] = {}
    for row in rows.select_related("transaction").order_by("id"):
        by_record.setdefault(row.record_id, []).append(row)
    columns: dict[str, Any] = {
        str(field.column): field
        for field in model._meta.concrete_fields
        if field.name == _flow(model) or (_told(field) and field.name not in review.told_fields)
    }
    found = {
        pk: [
            (columns[column], one.before, one.after) for column, one in by_column(changes).items() if column in columns
        ]
        for pk, changes in by_record.items()
    }
    names = names_of((field, value) for many in found.values() for field, *pair in many for value in pair)
    return {
        pk: [(field_label(field), shown(field, old, names), shown(field, new, names)) for field, old, new in many]
        for pk, many in found.items()
    }


def _flow(model: Any) -> str:
    return str(getattr(model, "FLOW", ""))


def _told(field: Any) -> bool:
    """Whether people know the field by its name: what the program keeps for itself is not told."""
    return bool(field.editable) and field.name not in ("kept", "criteria_met") and not field.name.endswith("_since")


def figures(meeting: Meeting, *, at: datetime) -> list[Figure]:
    """The figures of the whole, at the start and at the end; while it runs, now."""
    review = kind_of(meeting)
    before = review.figures({name: value for name, value in meeting.totals.items() if name != END})
    after = meeting.totals.get(END)
    now = review.figures(after if after is not None else review.totals(meeting.scope, at=at))
    return [Figure(label, before.get(label, ""), now.get(label, "")) for label in dict.fromkeys([*before, *now])]


def duration_words(meeting: Meeting, *, at: datetime) -> str:
    """How long it took, or takes so far: "1 hour 5 minutes"."""
    minutes = max(int(((meeting.ended_at or at) - meeting.started_at).total_seconds() // 60), 0)
    hours, rest = divmod(minutes, 60)
    parts = [_many(hours, "hour")] if hours else []
    return " ".join([*parts, _many(rest, "minute")] if rest or not hours else parts)


def _many(count: int, unit: str) -> str:
    return f"{count:,} {unit}{'' if count == 1 else 's'}"
