"""Answering for a ritual: done, with what came of it; skipped, for a reason; taken back, where that was a slip (P4).

Each time of a period is answered once, whoever answers at the same moment: the second is told who was first.
"""

from __future__ import annotations

from datetime import date, datetime

from crm import handbook
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused
from crm.core.locks import hold
from crm.core.permissions import may
from crm.core.text import tidy
from crm.people.models import User
from crm.reviews.models import Occasion
from crm.reviews.rituals.standing import Standing, Time, standing_of

LONGEST = 10_000
WHO = "A ritual is answered for by whose it is, by who stands in, and by managers."


def mark_done(ritual: str, *, period: date, number: int, came_of: str, actor: User, at: datetime, via: str) -> Occasion:
    """Write down that it was held, and what came of it; also of one that was missed, when it was held all the same.

    Raises:
        Refused: `not_found`, `forbidden`, `by_itself` for what a run of checkups does, `answered`, `not_asked_for`
            for a time that the period does not have, `missing_facts` with `invalid_came_of`.
    """
    state = Occasion.State.DONE
    return _answer(ritual, state, period=period, number=number, said=came_of, actor=actor, at=at, via=via)


def skip(ritual: str, *, period: date, number: int, reason: str, actor: User, at: datetime, via: str) -> Occasion:
    """Write down why it was not held, or will not be: it is not missed then.

    Raises:
        Refused: as `mark_done`; `missing_facts` with `needs_reason`.
    """
    state = Occasion.State.SKIPPED
    return _answer(ritual, state, period=period, number=number, said=reason, actor=actor, at=at, via=via)


@retry_deadlocks
def take_back(occasion: Occasion, *, actor: User, at: datetime, via: str) -> Occasion:
    """Say that an answer was a slip: it stays to be read, and the same time waits for another. Twice is no mistake.

    Raises:
        Refused: `not_found`, `forbidden`.
    """
    with acting(actor=actor, via=via, at=at):
        locked = Occasion.objects.select_for_update().filter(pk=occasion.pk).first()
        if locked is None:
            raise Refused("not_found", "There is no such answer.")
        if not may(actor, "take_back", locked):
            raise Refused("forbidden", WHO)
        if locked.taken_back_at is None:
            locked.taken_back_at, locked.taken_back_by = at, actor
            locked.save(update_fields=["taken_back_at", "taken_back_by"])
    return locked


@retry_deadlocks
def _answer(
    ritual: str, state: str, *, period: date, number: int, said: str, actor: User, at: datetime, via: str
) -> Occasion:
    with acting(actor=actor, via=via, at=at):
        hold(("ritual", f"{ritual} {period} {number}"))
        standing = standing_of(handbook.current(), ritual, at=at)
        if standing is None:
            raise Refused("not_found", "The handbook has no such ritual, or has switched it off.")
        if not may(actor, "answer", Occasion(ritual=ritual, at=at)):
            raise Refused("forbidden", WHO)
        if standing.ritual.done_by and state == Occasion.State.DONE:
            raise Refused("by_itself", "It is done by a whole run of the checkups: start one.")
        _refuse_time(standing, period, number)
        return Occasion.objects.create(
            ritual=ritual, period=period, number=number, state=state, by=actor, at=at, came_of=_read(said, state)
        )


def _refuse_time(standing: Standing, period: date, number: int) -> None:
    """Refuse what is no time of a period that runs or is over, and one that has its answer."""
    wanted = find_time(standing, period, number)
    if wanted is None:
        raise Refused("not_asked_for", "It is not held at that time by the handbook in force.")
    if wanted.answer is not None:
        word = Occasion.State(wanted.answer.state).label.lower()
        raise Refused("answered", f"{wanted.answer.by} has said already that it was {word}.")


def find_time(standing: Standing, period: date, number: int) -> Time | None:
    """The time of a period by its number; None where there is no such."""
    return next((t for times in standing.times for t in times if (t.period.first, t.number) == (period, number)), None)


def _read(said: str, state: str) -> str:
    text = tidy(said)
    if state == Occasion.State.SKIPPED and not text:
        message = "Say why it is skipped."
        raise Refused("missing_facts", message, [Missing("needs_reason", message, "came_of")])
    if len(text) > LONGEST:
        message = f"At most {LONGEST:,} characters."
        raise Refused("missing_facts", message, [Missing("invalid_came_of", message, "came_of")])
    return text
