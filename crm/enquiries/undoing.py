"""What follows when something is undone: the clock of an enquiry that is gone ends, of one that is back it runs on."""

from __future__ import annotations

from collections.abc import Iterable

from crm.clocks.models import Clock
from crm.clocks.services import reopen_clock, void_clock
from crm.enquiries.models import Enquiry
from crm.enquiries.responding import look_on_commit
from crm.history.undoing import REMOVE, RESTORE, Asked, Wanted, follows_undo

UNDONE = "What brought it in was undone."


@follows_undo
def clocks(wanted: Iterable[Wanted], asked: Asked) -> None:
    """No clock runs for an enquiry that was removed. Whether one was voided or answered is looked at on commit."""
    for one in wanted:
        if one.kind is not Enquiry or one.refusal is not None:
            continue
        look_on_commit()
        number = getattr(one.record, "clock_id", None) if one.action == REMOVE else one.values.get("clock_id")
        clock = Clock.objects.filter(pk=number).first() if number else None
        if clock is None:
            continue
        if one.action == REMOVE:
            void_clock(clock, by=asked.actor, reason=UNDONE, at=asked.at)
        elif one.action == RESTORE and one.values.get("voided_at") is None:
            reopen_clock(clock, by=asked.actor, reason="It was brought back.", at=asked.at)
