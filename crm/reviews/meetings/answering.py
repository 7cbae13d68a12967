"""Answering one item of an agenda: what its form says is done by the record's own services, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms

from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused, Stale
from crm.core.text import tidy
from crm.people.models import User
from crm.reviews.meetings.holding import kind_of, lock_held, store
from crm.reviews.meetings.kinds import ReviewKind
from crm.reviews.meetings.places import mark_gone, place_on, settle
from crm.reviews.models import Item, Meeting

NOTHING_NEW = "nothing_new"
LONGEST_NOTE = 10_000
LONGEST_LINE = 500
WRITTEN = ("state", "answers", "note", "decision", "skip_reason", "answered_by", "answered_at")


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of an item beside the form of its record.

    `nothing_new` is an answer that is given on purpose. `seen` is `seen_of` the item when its form was opened.
    """

    note: str = ""
    decision: str = ""
    nothing_new: bool = False
    seen: str | None = None


def seen_of(item: Item) -> str:
    """A word for the item as it is, to be given back with its form."""
    return f"{item.state} {item.answered_at.isoformat() if item.answered_at else ''}"


@retry_deadlocks
def answer_item(
    meeting: Meeting,
    position: int,
    *,
    facts: Mapping[str, Any],
    said: Said,
    actor: User,
    at: datetime,
    via: str,
) -> Item:
    """Do what the form of the record says, keep what was done and said as the item's answer, and go on.

    What was done with the record elsewhere since the meeting began counts. An item whose record is gone keeps what was
    said of it.

    Raises:
        Refused: as `holding.lock_held`; `not_found`; `missing_facts` with what is wrong in the form, `needs_answer`
            when nothing was done, `needs_note` for nothing new where nothing promised stands; as the record's services.
        Stale: the item was answered since its form was opened, or the record changed.
    """
    review = kind_of(meeting)
    with acting(actor=actor, via=via, at=at):
        locked = lock_held(meeting, actor=actor)
        item = _item(locked, position)
        _refuse_seen(item, said)
        item.note, item.decision = _text(said.note, "item_note", LONGEST_NOTE), _line(said.decision, "item_decision")
        record = review.find([item.record_id]).get(item.record_id)
        closed = review.is_gone(record)
        codes = [] if record is None else _done(review, locked, item, record, {} if closed else facts, actor, at, via)
        if record is None or (closed and not codes):
            mark_gone(item, review.gone_words(record), actor=actor, at=at)
        else:
            known = [one for one in item.answers if one != NOTHING_NEW]
            if not (codes or known):
                codes = _nothing_new(review, record, item, said, at)
            item.state, item.skip_reason = Item.State.ANSWERED, ""
            item.answers = list(dict.fromkeys([*known, *codes]))
            item.answered_by, item.answered_at = actor, at
        item.save(update_fields=WRITTEN)
        place_on(locked, after=position, actor=actor, at=at)
        store(locked, "place")
    return item


@retry_deadlocks
def skip_item(meeting: Meeting, position: int, *, reason: str, actor: User, at: datetime, via: str) -> Item:
    """Leave an item without an answer, for a reason, and go on.

    Raises:
        Refused: as `holding.lock_held`; `not_found`; `missing_facts` with `needs_reason`; `answered`.
    """
    with acting(actor=actor, via=via, at=at):
        locked = lock_held(meeting, actor=actor)
        item = _item(locked, position)
        why = _line(reason, "item_skip_reason")
        if not why:
            message = "To skip it, say why."
            raise Refused("missing_facts", message, [Missing("needs_reason", message, "item_skip_reason")])
        if item.state == Item.State.ANSWERED:
            raise Refused("answered", f"{item.name} was answered already.")
        if item.state != Item.State.GONE and not settle(locked, [item], actor=actor, at=at):
            item.state, item.skip_reason = Item.State.SKIPPED, why
            item.answered_by, item.answered_at = actor, at
            item.save(update_fields=WRITTEN)
        place_on(locked, after=position, actor=actor, at=at)
        store(locked, "place")
    return item


def _item(meeting: Meeting, position: int) -> Item:
    item = meeting.items.filter(position=position).first()
    if item is None:
        raise Refused("not_found", "The agenda has no such place.")
    return item


def _refuse_seen(item: Item, said: Said) -> None:
    if said.seen is None or said.seen == seen_of(item):
        return
    changes = {
        name: (mine, theirs)
        for name, mine, theirs in (("note", said.note, item.note), ("decision", said.decision, item.decision))
        if tidy(mine) != theirs
    }
    became = "is" if item.state == Item.State.GONE else "was"
    raise Stale(f"{item.name} {became} {item.get_state_display().lower()} since you opened it.", changes)


def _done(
    review: ReviewKind, meeting: Meeting, item: Item, record: Any, facts: Mapping[str, Any], actor: User, at: datetime,
    via: str,
) -> list[str]:  # fmt: skip
    """Do what the form says; the codes of that, and of what was done elsewhere since the meeting began."""
    codes: list[str] = []
    if facts:
        form = review.form(record, data=facts, at=at)
        if not form.is_valid():
            raise Refused("missing_facts", "Something in the form will not do.", problems_of(form))
        codes = review.write(record, form.cleaned_data, actor=actor, at=at, via=via)
    return list(dict.fromkeys([*codes, *review.done_since(item, record, since=meeting.started_at)]))


def problems_of(form: forms.Form) -> list[Missing]:
    """What is wrong in a form, one by one, with its field."""
    return [
        Missing(f"invalid_{name}", " ".join(str(error) for error in errors), "" if name == "__all__" else name)
        for name, errors in form.errors.items()
    ]


def _nothing_new(review: ReviewKind, record: Any, item: Item, said: Said, at: datetime) -> list[str]:
    """That there is nothing new is said on purpose, and says enough where what was promised stands."""
    if not (said.nothing_new or NOTHING_NEW in item.answers):
        message = "Nothing was changed. Change what is new, say “Nothing new”, or skip it for a reason."
        raise Refused("missing_facts", message, [Missing("needs_answer", message)])
    if not (item.note or item.decision or review.stands(record, at=at)):
        message = "No promise stands that is not past due, so say in a note why there is nothing new."
        raise Refused("missing_facts", message, [Missing("needs_note", message, "item_note")])
    return [NOTHING_NEW]


def _line(text: str, name: str) -> str:
    return _text(" ".join(text.split()), name, LONGEST_LINE)


def _text(text: str, name: str, longest: int) -> str:
    kept = tidy(text.replace("\r\n", "\n"))
    if len(kept) > longest:
        message = f"At most {longest:,} characters."
        raise Refused("missing_facts", message, [Missing(f"invalid_{name}", message, name)])
    return kept
