"""What was done with a lead, as codes: read off the change log, the moves and the touches, never claimed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from crm.activities.models import Activity, NextTouch
from crm.core.later import by_column
from crm.history.models import Change, Move
from leads.models import Lead

ANSWERS: Mapping[str, str] = {
    "moved": "Status changed",
    "scheduled": "Meeting scheduled",
    "converted": "Converted",
    "put_aside": "Put aside",
    "do_not_contact": "Closed do not contact",
    "taken_back": "Last move taken back",
    "touch": "Touch logged",
    "violation": "Touch logged, although they were not to be contacted",
    "next_touch": "Next touch set",
    "given": "Given to another owner",
    "queued": "Put into a queue",
    "edited": "Changed",
}
VERBS = {
    "schedule_meeting": "scheduled",
    "reschedule": "scheduled",
    "convert": "converted",
    "nurture": "put_aside",
    "do_not_contact": "do_not_contact",
    "take_back": "taken_back",
}
# What moves and owners tell by themselves.
TOLD = {"status", "status_since", "owner_id", "queue_id"}


def done_between(lead: Lead, *, since: datetime) -> list[str]:
    """The codes of what was done after this moment, whoever did it and by whichever door; six queries at most."""
    return list(dict.fromkeys(_codes(lead, since)))


def _codes(lead: Lead, since: datetime) -> Iterator[str]:
    moves = list(Move.objects.of(lead).filter(at__gt=since, version__gt=0))
    for one in moves:
        yield VERBS.get(one.verb, "moved")
    touches = dict(Activity.objects.filter(lead=lead).values_list("pk", "violation_of"))
    made = _changed("activity", touches, since, op="I")
    if made:
        yield "violation" if any(touches[pk] for pk in made) else "touch"
    planned = NextTouch.objects.filter(lead=lead).values_list("pk", flat=True)
    if _changed("nexttouch", dict.fromkeys(planned), since):
        yield "next_touch"
    changes = list(Change.objects.of(lead).filter(at__gt=since).order_by("id"))
    columns = by_column(changes)
    if "owner_id" in columns and columns["owner_id"].before != columns["owner_id"].after:
        yield "given" if columns["owner_id"].after else "queued"
    elif "queue_id" in columns and columns["queue_id"].before != columns["queue_id"].after:
        yield "queued"
    # What a move changes beside the status is the move's.
    of_moves = {one.version for one in moves}
    rest = by_column(one for one in changes if one.version not in of_moves)
    if any(one.before != one.after for name, one in rest.items() if name not in TOLD):
        yield "edited"


def _changed(kind: str, ids: Mapping[int, object], since: datetime, *, op: str = "") -> set[int]:
    """Which of these records were made, or written to, after this moment."""
    if not ids:
        return set()
    found = Change.objects.filter(object=kind, record_id__in=list(ids), at__gt=since)
    return set((found.filter(op=op) if op else found).values_list("record_id", flat=True))
