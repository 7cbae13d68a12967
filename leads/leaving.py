"""How leads are handed over when their owner leaves, other than to one person: by the rules, or into a queue."""

from __future__ import annotations

from crm import handbook
from crm.people.leaving import Leaving, Way, offer_way
from crm.people.models import User
from leads.assignment import Turns, store_given
from leads.models import Lead
from leads.queues import tell_manager
from leads.statuses import OPEN, Status

CHUNK = 5000
# What somebody goes on with, or comes back to on its day; of what was converted or is never contacted again, nobody.
WORKED = (*OPEN, Status.CLOSED_NURTURE)
KEY = "leads.lead"


def by_rules(leaving: Leaving) -> None:
    """Everybody in turn gets what is still worked; the rest is nobody's, in the queue of their team."""
    turns = Turns(handbook.current().today(leaving.at), brought_by=leaving.user)
    turns.hold_all()
    while chunk := list(
        Lead.objects.select_for_update(of=("self",))
        .filter(owner=leaving.user, status__in=WORKED)
        .order_by("pk")
        .only(*Turns.COLUMNS)[:CHUNK]
    ):
        answers = dict(zip((lead.pk for lead in chunk), turns.take(chunk), strict=True))
        store_given(answers, reason=leaving.reason)
        for queue in {given.queue for given in answers.values() if given.owner is None}:
            tell_manager(queue, turns.presence, at=leaving.at)
    into_queue(leaving)


def into_queue(leaving: Leaving) -> None:
    """All of them wait in the queue of their owner's team."""
    values = {"queue": leaving.user.team} if leaving.user.team else {}
    Lead.objects.filter(owner=leaving.user).update(owner=None, **values)


def has_team(user: User) -> bool:
    """Whether there is a queue to put them into."""
    return user.team_id is not None


offer_way(KEY, Way("rules", "In turn, by the handbook's rules", by_rules))
offer_way(KEY, Way("queue", "Into the queue of their team", into_queue, has_team))
