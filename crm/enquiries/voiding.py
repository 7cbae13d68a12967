"""Voiding what is no request of anybody (spam, a vendor, a test), and taking that back."""

from __future__ import annotations

from datetime import datetime

from crm import handbook
from crm.clocks.services import reopen_clock, void_clock
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Missing, Refused
from crm.core.text import tidy
from crm.enquiries.locking import locked_for
from crm.enquiries.models import Enquiry
from crm.enquiries.responding import settle
from crm.enquiries.taking_up import find_person, take_up
from crm.people.models import User

LONGEST_NOTE = 10_000


@retry_deadlocks
def void_enquiry(enquiry: Enquiry, *, reason: str, note: str = "", actor: User, at: datetime, via: str) -> Enquiry:
    """No answer is owed: its clock ends without a verdict, and it is counted apart. `reason` is a key of the handbook.

    Raises:
        Refused: `forbidden`, `not_found`, `voided` already, `missing_facts` with `invalid_reason` or `invalid_note`.
    """
    with acting(actor=actor, via=via, at=at):
        locked = locked_for(enquiry, "void", actor)
        if locked.voided_at is not None:
            raise Refused("voided", "It is voided already.")
        said, written = reason_and_note("enquiry.void_reasons", reason, note)
        locked.voided_at, locked.voided_by, locked.void_reason, locked.void_note = at, actor, reason, written
        locked.save(update_fields=["voided_at", "voided_by", "void_reason", "void_note"])
        if locked.clock is not None:
            void_clock(locked.clock, by=actor, reason=". ".join(filter(None, (said, written))), at=at)
    enquiry.refresh_from_db()
    return locked


@retry_deadlocks
def unvoid_enquiry(enquiry: Enquiry, *, note: str = "", actor: User, at: datetime, via: str) -> Enquiry:
    """It was a request after all: its clock runs on as if it had never been voided.

    One that was voided as it came (the form's trap) gets its person and its clock now.

    Raises:
        Refused: `forbidden`, `not_found`, `not_voided`.
    """
    with acting(actor=actor, via=via, at=at):
        locked = locked_for(enquiry, "unvoid", actor)
        if locked.voided_at is None:
            raise Refused("not_voided", "It is not voided.")
        locked.voided_at, locked.voided_by, locked.void_reason, locked.void_note = None, None, "", ""
        locked.save(update_fields=["voided_at", "voided_by", "void_reason", "void_note"])
        if locked.clock is not None:
            reopen_clock(locked.clock, by=actor, at=at, reason=tidy(note) or "It was a request after all.")
            find_person(locked, actor=actor, at=at, via=via)
        elif not locked.barred:
            take_up(locked, actor=actor, at=at, via=via)
        settle([locked.pk], at=at)
    enquiry.refresh_from_db()
    return locked


def reason_and_note(place: str, reason: str, note: str) -> tuple[str, str]:
    """The label of a reason of the handbook, and the note, tidied.

    Raises:
        Refused: `missing_facts` with `invalid_reason` or `invalid_note`.
    """
    known = dict(handbook.current().choices(place))
    wrong = []
    if reason not in known:
        wrong.append(Missing("invalid_reason", f"Reason: one of {', '.join(known)}.", "reason"))
    if len(note) > LONGEST_NOTE:
        wrong.append(Missing("invalid_note", f"Note: {LONGEST_NOTE:,} characters at most.", "note"))
    if wrong:
        raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)
    return known[reason], tidy(note)
