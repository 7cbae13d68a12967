"""The row of a meeting that is written to: locked, running, and held by whoever writes.

The order of locks is the same for every write: who acts (so that nobody writes who is being deactivated), the meeting,
then whatever the record's own services take.
"""

from __future__ import annotations

from django.utils import timezone
from django.utils.formats import date_format

from crm.core.errors import Refused
from crm.core.permissions import may
from crm.people.models import User
from crm.people.owners import stay
from crm.reviews.meetings.kinds import KINDS, ReviewKind
from crm.reviews.models import Meeting

NOT_HELD = "Nobody holds the minutes now: take them over to write."


def kind_of(meeting: Meeting | str) -> ReviewKind:
    """The kind of review that a meeting is.

    Raises:
        Refused: `not_found` for a word that is no kind.
    """
    key = meeting if isinstance(meeting, str) else meeting.kind
    if key not in KINDS:
        raise Refused("not_found", "There is no such kind of review.")
    return KINDS[key]


def lock_running(meeting: Meeting, *, actor: User) -> Meeting:
    """The meeting, until the transaction ends.

    Raises:
        Refused: `not_found`; `forbidden` for who is no person here; `ended` once it is over.
    """
    if actor.pk not in stay([actor.pk]) or not may(actor, "view", Meeting):
        raise Refused("forbidden", "Meetings are held by people who work here.")
    # Without the holder joined: after a wait the row is read anew, what it is joined with is not.
    locked = Meeting.objects.select_for_update(of=("self",)).filter(pk=meeting.pk).first()
    if locked is None:
        raise Refused("not_found", "There is no such meeting.")
    if locked.state != Meeting.State.RUNNING:
        raise Refused("ended", f"This meeting is over: {locked.get_state_display().lower()}. Nothing was written.")
    return locked


def lock_held(meeting: Meeting, *, actor: User) -> Meeting:
    """The meeting, until the transaction ends, for who holds its minutes.

    Raises:
        Refused: as `lock_running`; `not_holder`, with the name of who holds them.
    """
    locked = lock_running(meeting, actor=actor)
    if locked.holder_id != actor.pk:
        raise Refused("not_holder", holder_words(locked))
    return locked


def holder_words(meeting: Meeting) -> str:
    """Who holds the minutes, and how to write all the same."""
    if meeting.holder is None or meeting.held_since is None:
        return NOT_HELD
    since = date_format(timezone.localtime(meeting.held_since), "H:i")
    return f"{meeting.holder} holds the minutes since {since}. Nothing was written: take them over to write."


def store(meeting: Meeting, *fields: str) -> None:
    """Store what was changed: those who follow see that there is news."""
    meeting.revision += 1
    meeting.save(update_fields=[*fields, "revision"])
