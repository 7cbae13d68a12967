"""“Running now” on the home page: a meeting that anybody may join."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from crm.core.home import Part, home_part
from crm.core.permissions import may
from crm.people.models import User
from crm.reviews.meetings.kinds import KINDS, scopes_told
from crm.reviews.models import Attendee, Meeting


@dataclass(frozen=True, slots=True)
class Running:
    """A meeting that runs, and whether the reader is there."""

    meeting: Meeting
    words: str
    is_there: bool


@home_part(5)
def running_now(user: User, at: datetime) -> Sequence[Part]:
    """The meetings that run; no section where there is none."""
    if not may(user, "view", Meeting):
        return []
    meetings = [one for one in Meeting.objects.running().select_related("holder") if one.kind in KINDS]
    if not meetings:
        return []
    there = set(Attendee.objects.filter(meeting__in=meetings, user=user).values_list("meeting_id", flat=True))
    words = scopes_told(meetings)
    rows = [Running(one, words[one.pk], one.pk in there) for one in meetings]
    return [Part("meetings", "Running now", rows, str(len(rows)), "", "", "reviews/meeting_home_row.html")]
