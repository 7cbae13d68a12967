"""Where a meeting is on its agenda: kept with it, so that it goes on there after a crash or a closed tab."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Refused
from crm.people.models import User
from crm.reviews.meetings.holding import kind_of, lock_held, store
from crm.reviews.models import Item, Meeting

CHUNK = 100


@retry_deadlocks
def go_to(meeting: Meeting, position: int, *, actor: User, at: datetime, via: str) -> Meeting:
    """Show another item to everybody.

    Raises:
        Refused: as `holding.lock_held`; `not_found` where the agenda has no such place.
    """
    with acting(actor=actor, via=via, at=at):
        locked = lock_held(meeting, actor=actor)
        item = locked.items.filter(position=position).first()
        if item is None:
            raise Refused("not_found", "The agenda has no such place.")
        settle(locked, [item, *locked.items.filter(position=locked.place)], actor=actor, at=at)
        _move(locked, position)
    return locked


@retry_deadlocks
def go_next(meeting: Meeting, *, actor: User, at: datetime, via: str) -> Meeting:
    """Go on to the next item that is there; at the end of the agenda, nowhere."""
    with acting(actor=actor, via=via, at=at):
        locked = lock_held(meeting, actor=actor)
        settle(locked, list(locked.items.filter(position=locked.place)), actor=actor, at=at)
        _move(locked, _beside(locked, forward=True, actor=actor, at=at))
    return locked


@retry_deadlocks
def go_back(meeting: Meeting, *, actor: User, at: datetime, via: str) -> Meeting:
    """Go back to the item before; at the beginning of the agenda, nowhere."""
    with acting(actor=actor, via=via, at=at):
        locked = lock_held(meeting, actor=actor)
        _move(locked, _beside(locked, forward=False, actor=actor, at=at))
    return locked


def _move(meeting: Meeting, position: int) -> None:
    if position != meeting.place:
        meeting.place = position
        store(meeting, "place")


def _beside(meeting: Meeting, *, forward: bool, actor: User, at: datetime) -> int:
    """The nearest place that way whose record is there; else the one that is shown."""
    place = meeting.place
    while True:
        rows = meeting.items.exclude(state=Item.State.GONE)
        rows = rows.filter(position__gt=place) if forward else rows.filter(position__lt=place)
        found = list(rows.order_by("position" if forward else "-position")[:CHUNK])
        if not found:
            return meeting.place
        # One by one: what lies further on is looked at when it is come to.
        for item in found:
            if item.pk not in settle(meeting, [item], actor=actor, at=at):
                return item.position
            place = item.position


def place_on(meeting: Meeting, *, after: int, actor: User, at: datetime) -> None:
    """Set the place to the next item that waits, from the beginning once the end is reached; it is not stored yet."""
    waiting = meeting.items.waiting().order_by("position")
    for rows in (waiting.filter(position__gt=after), waiting.filter(position__lt=after)):
        place = 0
        while found := list(rows.filter(position__gt=place)[:CHUNK]):
            gone = settle(meeting, found, actor=actor, at=at)
            left = next((item for item in found if item.pk not in gone), None)
            if left is not None:
                meeting.place = left.position
                return
            place = found[-1].position


def settle(meeting: Meeting, items: Sequence[Item], *, actor: User, at: datetime) -> set[int]:
    """Of these items, mark those that wait and whose record was closed, deleted or merged meanwhile as gone.

    Returns:
        Their ids. What was done with them since the meeting began is kept as their answers.
    """
    review, waiting = kind_of(meeting), [one for one in items if one.state == Item.State.WAITING]
    if not waiting:
        return set()
    records = review.find([one.record_id for one in waiting])
    # By what is said of them: one statement for all that were closed in the same way.
    gone: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for item in waiting:
        record = records.get(item.record_id)
        if review.is_gone(record):
            done = () if record is None else review.done_since(item, record, since=meeting.started_at)
            item.answers = list(dict.fromkeys(done))
            mark_gone(item, review.gone_words(record), actor=actor, at=at)
            gone.setdefault((item.skip_reason, tuple(item.answers)), []).append(item.pk)
    for (words, answers), ids in gone.items():
        Item.objects.filter(pk__in=ids).update(
            state=Item.State.GONE, skip_reason=words, answers=list(answers), answered_by=actor, answered_at=at
        )
    return {pk for ids in gone.values() for pk in ids}


def mark_gone(item: Item, words: str, *, actor: User, at: datetime) -> None:
    """There is nothing more to ask, and why; it is not stored yet."""
    item.state, item.skip_reason = Item.State.GONE, words[:500]
    item.answered_by, item.answered_at = actor, at
