"""Notes and decisions of a meeting: written while it runs by who holds the minutes, often and a little at a time."""

from __future__ import annotations

from datetime import datetime

from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused, Stale
from crm.core.text import tidy
from crm.people.models import User
from crm.reviews.meetings.holding import lock_held, store
from crm.reviews.models import Meeting

LONGEST = 20_000


def write_notes(meeting: Meeting, text: str, *, was: str, actor: User, at: datetime, via: str) -> Meeting:
    """Write what concerns none of the records alone; `was` is the text that was changed.

    Raises:
        Refused: as `holding.lock_held`; `missing_facts` with `invalid_notes`.
        Stale: the stored text is another than `was`; `changes` has what was to be written and what is stored.
    """
    return _write(meeting, "notes", text, was=was, actor=actor, at=at, via=via)


def write_decisions(meeting: Meeting, text: str, *, was: str, actor: User, at: datetime, via: str) -> Meeting:
    """Write what was decided, one on each line; as `write_notes`."""
    return _write(meeting, "decisions", text, was=was, actor=actor, at=at, via=via)


@retry_deadlocks
def _write(meeting: Meeting, field: str, text: str, *, was: str, actor: User, at: datetime, via: str) -> Meeting:
    new = _lines(text)
    with acting(actor=actor, via=via, at=at):
        locked = lock_held(meeting, actor=actor)
        if len(new) > LONGEST:
            message = f"At most {LONGEST:,} characters."
            raise Refused("missing_facts", message, [Missing(f"invalid_{field}", message, field)])
        stored = getattr(locked, field)
        if stored == new:
            return locked
        # By the text itself: the revision rises with every answer, and says nothing of who wrote here.
        if stored != _lines(was):
            raise Stale(f"The {field} were changed since you opened them.", {field: (new, stored)})
        setattr(locked, field, new)
        store(locked, field)
    return locked


def _lines(text: str) -> str:
    return tidy(text.replace("\r\n", "\n"))
