"""Holding an enquiry up while they are to do something first, and letting it run again."""

from __future__ import annotations

from datetime import datetime

from crm.activities.gate import CODE
from crm.clocks.services import pause_clock, resume_clock
from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Refused
from crm.core.text import tidy
from crm.enquiries.locking import locked_for, running_clock
from crm.enquiries.models import Enquiry
from crm.enquiries.voiding import reason_and_note
from crm.people.models import User


@retry_deadlocks
def hold_up(enquiry: Enquiry, *, reason: str, note: str = "", actor: User, at: datetime, via: str) -> Enquiry:
    """Its clock stands still until it is resumed. `reason` is a key of the handbook's `pause_reasons`.

    Raises:
        Refused: `forbidden`, `not_found`, `no_clock`, `not_running`, `missing_facts` with `invalid_reason`.
    """
    with acting(actor=actor, via=via, at=at):
        locked = locked_for(enquiry, "pause", actor)
        clock = running_clock(locked)
        said, written = reason_and_note("enquiry.pause_reasons", reason, note)
        locked.clock = pause_clock(clock, by=actor, reason=". ".join(filter(None, (said, written))), at=at)
    enquiry.refresh_from_db()
    return locked


@retry_deadlocks
def resume(enquiry: Enquiry, *, note: str = "", actor: User, at: datetime, via: str) -> Enquiry:
    """Its clock runs again, its times moved by what the pause took.

    Raises:
        Refused: `forbidden`, `not_found`, `no_clock`, `not_running`; `do_not_contact` while nobody may answer them.
    """
    with acting(actor=actor, via=via, at=at):
        locked = locked_for(enquiry, "resume", actor)
        if locked.barred:
            raise Refused(CODE, "They are not to be contacted: it runs again when a manager lifts that.")
        locked.clock = resume_clock(running_clock(locked), by=actor, at=at, reason=tidy(note))
    enquiry.refresh_from_db()
    return locked
