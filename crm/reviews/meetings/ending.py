"""Finishing a meeting, and what comes of it; or calling it off."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse

from crm import handbook
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused
from crm.core.permissions import may
from crm.core.text import tidy
from crm.people.models import User
from crm.reviews.meetings.counts import Counts, counts_of
from crm.reviews.meetings.holding import kind_of, lock_held, lock_running, store
from crm.reviews.meetings.minutes import END
from crm.reviews.meetings.places import settle
from crm.reviews.meetings.sending import send_minutes
from crm.reviews.models import Item, Meeting, Occasion
from crm.reviews.rituals.services import mark_done
from crm.reviews.rituals.standing import standing_of

CHUNK = 1000
LONGEST_REASON = 500


@retry_deadlocks
def finish_meeting(
    meeting: Meeting, *, skip_rest: str = "", send: bool = False, actor: User, at: datetime, via: str
) -> Meeting:
    """End a meeting: nothing waits on its agenda, or the rest of it is skipped for a reason.

    Its ritual is marked as done where its time has come and nobody has answered for it. With `send`, those who were
    there get the minutes.

    Raises:
        Refused: as `holding.lock_held`; `items_wait`, with how many; `missing_facts` with `invalid_skip_rest`.
    """
    with acting(actor=actor, via=via, at=at):
        locked = lock_held(meeting, actor=actor)
        _settle_all(locked, actor, at)
        why = " ".join(tidy(skip_rest).split())
        if len(why) > LONGEST_REASON:
            message = f"At most {LONGEST_REASON:,} characters."
            raise Refused("missing_facts", message, [Missing("invalid_skip_rest", message, "skip_rest")])
        if why:
            locked.items.waiting().update(state=Item.State.SKIPPED, skip_reason=why, answered_by=actor, answered_at=at)
        elif count := locked.items.waiting().count():
            waits = "1 item waits" if count == 1 else f"{count:,} items wait"
            raise Refused("items_wait", f"{waits} for an answer: go through them, or skip all the rest for a reason.")
        locked.totals = {**locked.totals, END: kind_of(locked).totals(locked.scope, at=at)}
        _end(locked, Meeting.State.HELD, actor, at)
        locked.occasion = _answer_ritual(locked, actor, at, via)
        store(locked, "state", "ended_at", "ended_by", "holder", "held_since", "occasion", "totals")
        if send:
            return send_minutes(locked, actor=actor, at=at, via=via)
    return locked


@retry_deadlocks
def call_off(meeting: Meeting, *, actor: User, at: datetime, via: str) -> Meeting:
    """End a meeting that was not held; what was answered and changed in it stays. Its ritual is not done.

    Raises:
        Refused: as `holding.lock_running`; `forbidden` for who is no manager.
    """
    with acting(actor=actor, via=via, at=at):
        locked = lock_running(meeting, actor=actor)
        if not may(actor, "call_off", locked):
            raise Refused("forbidden", "A meeting is called off by a manager.")
        _end(locked, Meeting.State.CALLED_OFF, actor, at)
        store(locked, "state", "ended_at", "ended_by", "holder", "held_since")
    return locked


def _end(meeting: Meeting, state: str, actor: User, at: datetime) -> None:
    meeting.state, meeting.ended_at, meeting.ended_by = state, at, actor
    meeting.holder = meeting.held_since = None


def _settle_all(meeting: Meeting, actor: User, at: datetime) -> None:
    place = 0
    while rows := list(meeting.items.waiting().filter(position__gt=place).order_by("position")[:CHUNK]):
        settle(meeting, rows, actor=actor, at=at)
        place = rows[-1].position


def _answer_ritual(meeting: Meeting, actor: User, at: datetime, via: str) -> Occasion | None:
    """The time of the ritual that this meeting was, if one is due or falls due in this period."""
    book, page = handbook.current(), kind_of(meeting).page
    for ritual in (one for one in book.rituals if one.on and not one.done_by and one.opens.page == page):
        standing = standing_of(book, ritual.key, at=at)
        time = standing.open_time if standing else None
        if time is None or time.due_on is None:
            continue
        try:
            return mark_done(
                ritual.key,
                period=time.period.first,
                number=time.number,
                came_of=came_of(meeting, counts_of(meeting)),
                actor=actor,
                at=at,
                via=via,
            )
        except Refused:
            # Whoever answered for it first, or answers for it alone: the meeting was held all the same.
            continue
    return None


def came_of(meeting: Meeting, counts: Counts) -> str:
    """What came of it, in a few lines."""
    review = kind_of(meeting)
    lines = [f"{review.scope_words(meeting.scope)}: {counts.words}."]
    if meeting.decisions:
        lines += ["Decided:", meeting.decisions[:5000]]
    return "\n".join([*lines, f"Minutes: {reverse('admin:meeting_minutes', args=[meeting.pk])}"])
