"""Beginning a meeting, who is there, and who holds its minutes (P1, P2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Refused
from crm.core.locks import hold
from crm.core.permissions import may
from crm.people.models import User
from crm.people.owners import stay
from crm.reviews.meetings.holding import holder_words, kind_of, lock_running, store
from crm.reviews.meetings.kinds import ReviewKind, Scope, key_of
from crm.reviews.models import Attendee, Item, Meeting

BATCH = 1000


@retry_deadlocks
def start_meeting(kind: str, given: Mapping[str, str], *, actor: User, at: datetime, via: str) -> Meeting:
    """Begin a review of what the given scope has: its agenda and its figures are fixed, whoever begins holds the
    minutes. Beginning what runs already joins it.

    Raises:
        Refused: `not_found` for no such kind; `missing_facts` for a scope that is none; `forbidden`; `empty_agenda`.
    """
    review = kind_of(kind)
    scope = review.read_scope(given)
    with acting(actor=actor, via=via, at=at):
        if actor.pk not in stay([actor.pk]):
            raise Refused("forbidden", "Meetings are held by people who work here.")
        # Where none runs there is no row to lock: two who begin at once meet here.
        hold(("meeting", f"{kind} {key_of(scope)}"))
        running = Meeting.objects.running().filter(kind=kind, scope_key=key_of(scope)).first()
        if running is not None:
            return join(running, actor=actor, at=at, via=via)
        if not may(actor, "start", Meeting):
            raise Refused("forbidden", "A review is begun by a manager; once it runs, join it.")
        return _begin(review, scope, actor, at)


def _begin(review: ReviewKind, scope: Scope, actor: User, at: datetime) -> Meeting:
    entries = review.agenda(scope, at=at)
    if not entries:
        words = review.scope_words(scope)
        raise Refused("empty_agenda", f"{words}: there is nothing to go through now, so there is no agenda to begin.")
    meeting = Meeting.objects.create(
        kind=review.key,
        scope=dict(scope),
        scope_key=key_of(scope),
        started_at=at,
        started_by=actor,
        holder=actor,
        held_since=at,
        totals=review.totals(scope, at=at),
    )
    Attendee.objects.create(meeting=meeting, user=actor, since=at)
    items = (
        Item(
            meeting=meeting,
            position=position,
            record_id=one.record_id,
            name=one.name,
            owner_id=one.owner_id,
            reasons=list(one.reasons),
            before=dict(one.before),
        )
        for position, one in enumerate(entries, 1)
    )
    Item.objects.bulk_create(items, batch_size=BATCH)
    return meeting


@retry_deadlocks
def join(meeting: Meeting, *, who: User | None = None, actor: User, at: datetime, via: str) -> Meeting:
    """Put somebody down as being there: oneself, or another by who holds the minutes. Twice is no mistake.

    Raises:
        Refused: as `holding.lock_running`; `not_holder`; `invalid_attendee` for who does not work here.
    """
    with acting(actor=actor, via=via, at=at):
        locked = lock_running(meeting, actor=actor)
        who = who or actor
        if who.pk != actor.pk:
            _refuse_to_list(locked, actor)
            if who.pk not in stay([who.pk]):
                raise Refused("invalid_attendee", f"{who} does not work here: put down somebody who does.")
        _, new = Attendee.objects.get_or_create(meeting=locked, user=who, defaults={"since": at})
        if new:
            store(locked)
    return locked


@retry_deadlocks
def take_off(meeting: Meeting, *, who: User, actor: User, at: datetime, via: str) -> Meeting:
    """Take somebody off the list who is not there: oneself, or another by who holds the minutes.

    Raises:
        Refused: as `holding.lock_running`; `not_holder`; `holds_minutes` for who holds them: somebody has to.
    """
    with acting(actor=actor, via=via, at=at):
        locked = lock_running(meeting, actor=actor)
        if who.pk == locked.holder_id:
            raise Refused("holds_minutes", "Who holds the minutes is there: let somebody take them over first.")
        if who.pk != actor.pk:
            _refuse_to_list(locked, actor)
        gone, _ = Attendee.objects.filter(meeting=locked, user=who).delete()
        if gone:
            store(locked)
    return locked


def _refuse_to_list(meeting: Meeting, actor: User) -> None:
    if meeting.holder_id != actor.pk:
        raise Refused("not_holder", holder_words(meeting))


@retry_deadlocks
def take_over(meeting: Meeting, *, held_by: int | None, actor: User, at: datetime, via: str) -> Meeting:
    """Hold the minutes from now on; `held_by` is who held them when it was asked for. Who takes over is there.

    Raises:
        Refused: as `holding.lock_running`; `forbidden` for who is neither there nor a manager; `taken_over` when
            somebody else did so meanwhile.
    """
    with acting(actor=actor, via=via, at=at):
        locked = lock_running(meeting, actor=actor)
        if locked.holder_id == actor.pk:
            return locked
        if not may(actor, "hold", locked):
            raise Refused("forbidden", "The minutes are taken over by somebody who is there: join first.")
        if locked.holder_id != held_by:
            who = str(locked.holder) if locked.holder else "Nobody"
            raise Refused("taken_over", f"{who} holds the minutes now: look again before you take them over.")
        Attendee.objects.get_or_create(meeting=locked, user=actor, defaults={"since": at})
        locked.holder, locked.held_since = actor, at
        store(locked, "holder", "held_since")
    return locked
