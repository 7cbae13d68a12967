"""Bookings of a calendar tool (R2): a slot that somebody took is an enquiry and its meeting at once.

It is answered as it comes. The lead is moved to Meeting scheduled by the door, and back when the meeting falls through;
where the handbook does not allow that, the lead stays as it is and its timeline says why. Of a contact no lead is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.formats import date_format

from crm import handbook
from crm.activities.models import Activity
from crm.core.door import move
from crm.core.errors import Missing, Refused
from crm.core.keys import compute_keys
from crm.core.text import tidy
from crm.enquiries.models import Enquiry, Thread
from crm.enquiries.receiving import Incoming, receive_enquiry
from crm.enquiries.threads import enquiry_of, find_thread, hold_thread, keep_thread
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status

BOOKED, MOVED, CANCELLED = "booked", "moved", "cancelled"
OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a booking: `start` is None when it was cancelled.

    `sequence` counts its changes (None: the tool does not count), `said_at` is when the tool said so; `received_at`
    when it was booked. `hosts` are addresses, of which the first that is one of us is the host.
    """

    uid: str
    said_at: datetime
    received_at: datetime
    start: datetime | None = None
    sequence: int | None = None
    name: str = ""
    email: str = ""
    company: str = ""
    phone: str = ""
    linkedin_url: str = ""
    hosts: tuple[str, ...] = ()
    title: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Door:
    """By which way bookings come: the system that names them, and who acts."""

    system: str
    channel: str
    came_by: str
    actor: User
    at: datetime
    via: str


def take_change(change: Change, door: Door) -> dict[str, Any]:
    """Carry out what happened to a booking, and say what became of it; inside a domain call.

    One that is older than what is known, by its sequence and then by its time, changes nothing.

    Raises:
        Refused: `missing_facts`, what receiving an enquiry refuses.
    """
    uid = tidy(change.uid)
    hold_thread(door.system, uid)
    thread = find_thread(door.system, [uid])
    if thread is not None and _is_old(change, thread):
        return {"outcome": OUTDATED, "enquiry": thread.enquiry_id}
    if change.start is None:
        return _cancel(change, thread, uid, door)
    enquiry = enquiry_of(thread) if thread is not None else None
    if enquiry is None:
        return _book(change, thread, uid, door)
    return _shift(change, thread, enquiry, uid, door)


def _is_old(change: Change, thread: Thread) -> bool:
    """Whether more is known already."""
    if change.sequence is not None and change.sequence != thread.sequence:
        return change.sequence < thread.sequence
    return change.said_at < thread.last_at


def _count(change: Change, thread: Thread | None) -> int:
    """The sequence from now on; a tool that does not count leaves it."""
    if change.sequence is not None:
        return change.sequence
    return thread.sequence if thread is not None else 0


def _book(change: Change, thread: Thread | None, uid: str, door: Door) -> dict[str, Any]:
    if not (change.email or change.name or change.linkedin_url):
        said = "Attendee: who booked it."
        raise Refused("missing_facts", said, [Missing("needs_attendee", said, "attendee")])
    incoming = Incoming(
        channel=door.channel,
        received_at=change.received_at,
        subject=change.title,
        text=change.text,
        name=change.name,
        company=change.company,
        email=change.email,
        linkedin_url=change.linkedin_url,
        phone=change.phone,
        system=door.system,
        external_id=uid,
        meeting_at=change.start,
        owner=host_of(change),
    )
    receipt = receive_enquiry(incoming, came_by=door.came_by, actor=door.actor, at=door.at, via=door.via)
    enquiry = receipt.enquiry
    keep_thread(door.system, uid, enquiry, at=change.said_at, sequence=_count(change, thread))
    _set_meeting(enquiry, change.start, _count(change, thread))
    moved = _move_lead(enquiry, change.start, None, change, door)
    return {"outcome": BOOKED, "made_lead": receipt.made_lead, **_told(enquiry, moved)}


def _shift(change: Change, thread: Thread | None, enquiry: Enquiry, uid: str, door: Door) -> dict[str, Any]:
    """Another time of a booking that is known, or the same one said again."""
    before = enquiry.meeting_at
    keep_thread(door.system, uid, enquiry, at=change.said_at, sequence=_count(change, thread))
    start = change.start
    if before == start:
        return {"outcome": BOOKED, **_told(enquiry, {})}
    moved = _move_lead(enquiry, start, before, change, door)
    _set_meeting(enquiry, start, _count(change, thread))
    return {"outcome": MOVED if before is not None else BOOKED, **_told(enquiry, moved)}


def _cancel(change: Change, thread: Thread | None, uid: str, door: Door) -> dict[str, Any]:
    enquiry = enquiry_of(thread) if thread is not None else None
    kept = keep_thread(door.system, uid, enquiry, at=change.said_at, sequence=_count(change, thread))
    kept.closed_at = change.said_at
    kept.save(update_fields=["closed_at"])
    if enquiry is None:
        # It came before what it cancels: that will be known for older, and no meeting.
        return {"outcome": CANCELLED, "enquiry": None}
    moved = _move_lead(enquiry, None, enquiry.meeting_at, change, door)
    # That they took a slot answered them then; the booking that is over is none.
    _set_meeting(enquiry, None, _count(change, thread))
    return {"outcome": CANCELLED, **_told(enquiry, moved)}


def _set_meeting(enquiry: Enquiry, start: datetime | None, sequence: int) -> None:
    locked = Enquiry.objects.select_for_update(of=("self",)).get(pk=enquiry.pk)
    locked.meeting_at, locked.meeting_sequence = start, sequence
    locked.save(update_fields=["meeting_at", "meeting_sequence"])


# --- the lead ---------------------------------------------------------------------------------------------------------


def host_of(change: Change) -> User | None:
    """Which of us they meet."""
    keys = [key for key in compute_keys("email_key", list(change.hosts)) if key] if change.hosts else []
    known = {one.email_key: one for one in User.objects.active_people().filter(email_key__in=keys)}
    return next((known[key] for key in keys if key in known), None)


def _move_lead(
    enquiry: Enquiry, start: datetime | None, before: datetime | None, change: Change, door: Door
) -> dict[str, Any]:
    """Bring the lead into line with the meeting, where the handbook allows it; what became of it."""
    lead = Lead.objects.filter(enquiries=enquiry).first()
    if lead is None:
        return {}
    if start is not None and lead.owner_id is None and (host := host_of(change)) is not None:
        locked = Lead.objects.select_for_update(of=("self",)).get(pk=lead.pk)
        locked.owner, locked.queue = host, None
        locked.save(update_fields=["owner", "queue"])
        lead = locked
    verb, facts = _step(lead, start, before)
    if not verb:
        return {"moved": False, "code": "other_meeting", "why": _other(lead)} if _has_other(lead, before) else {}
    try:
        with transaction.atomic():
            move(lead, verb, actor=door.actor, at=door.at, via=door.via, reason=_reason(change), **facts)
    except Refused as refused:
        _say_why(enquiry, lead, change, refused.message, door)
        return {"moved": False, "code": refused.codes[0], "why": refused.message}
    return {"moved": True, "status": lead.status}


def _step(lead: Lead, start: datetime | None, before: datetime | None) -> tuple[str, dict[str, Any]]:
    """The verb that fits, with its facts; none where the lead meets us at another time, or at none."""
    scheduled = lead.status == Status.MEETING_SCHEDULED
    if start is None:
        ours = scheduled and before is not None and lead.meeting_at == before and not lead.meeting_outcome
        return ("fall_through", {"meeting_outcome": "cancelled"}) if ours else ("", {})
    if not scheduled:
        return "schedule_meeting", {"meeting_at": start}
    return ("", {}) if _has_other(lead, before) else ("reschedule", {"meeting_at": start})


def _has_other(lead: Lead, before: datetime | None) -> bool:
    return lead.status == Status.MEETING_SCHEDULED and lead.meeting_at is not None and lead.meeting_at != before


def _other(lead: Lead) -> str:
    known = f", {when(lead.meeting_at)}" if lead.meeting_at is not None else ""
    return f"Another meeting with this lead is scheduled{known}: it stays the lead's."


def _say_why(enquiry: Enquiry, lead: Lead, change: Change, why: str, door: Door) -> None:
    """On the timeline: what the calendar says and the handbook does not allow."""
    what = f"They booked a meeting, {when(change.start)}" if change.start else "They cancelled their meeting"
    Activity(
        by=door.actor,
        kind="note",
        outcome="noted",
        lead=lead,
        happened_at=door.at,
        text=f"{what}. The lead was not moved: {why}",
    ).save()


def when(at: datetime) -> str:
    """A time in the company's zone, which is named."""
    local = at.astimezone(handbook.current().zone)
    return f"{date_format(local, 'DATETIME_FORMAT')} {local.tzname() or ''}".strip()


def _reason(change: Change) -> str:
    return "Cancelled in the calendar tool." if change.start is None else "Booked in the calendar tool."


def _told(enquiry: Enquiry, moved: dict[str, Any]) -> dict[str, Any]:
    return {"enquiry": enquiry.pk, "lead": enquiry.lead_id, "contact": enquiry.contact_id, "lead_move": moved or None}
