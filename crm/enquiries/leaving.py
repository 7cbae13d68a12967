"""How enquiries that stand alone are handed over when their owner leaves, other than to one person."""

from __future__ import annotations

from crm.enquiries.hooks import leaving as sources  # noqa: F401 - registers what becomes of sources
from crm.enquiries.models import Enquiry
from crm.people.leaving import Leaving, Way, offer_way
from crm.people.models import User

KEY = "enquiries.enquiry"


def into_queue(leaving: Leaving) -> None:
    """They wait in the queue of their owner's team again."""
    Enquiry.objects.filter(owner=leaving.user).to_hand_over().update(owner=None, queue=leaving.user.team)


def has_team(user: User) -> bool:
    """Whether there is a queue to put them into."""
    return user.team_id is not None


offer_way(KEY, Way("queue", "Into the queue of their team", into_queue, has_team))
