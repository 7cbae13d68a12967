"""Who is not to be contacted, and who is away: so that the pages about both have something to show."""

from __future__ import annotations

from datetime import timedelta

from crm.activities.suppressing import suppress
from crm.demo.cast import VIA, Cast
from crm.demo.clock import Calendar
from crm.people.absences import enter_absence
from crm.people.models import Absence


def note_rules(cast: Cast, calendar: Calendar) -> None:
    """Two who asked for quiet, with and without a lead; a company; a bounced address; one SDR away next week."""
    notes = (
        (cast.sam, 40, "asked_us", {"emails": ["no.more@harborlane.example"]}, "Answered our first email so."),
        (cast.maya, 25, "company_asked", {"domains": ["quietworks.example"]}, "Their legal team wrote to us."),
        (cast.leo, 12, "bad_address", {"emails": ["gone@northfield.example"]}, "Bounced twice."),
        (cast.priya, 3, "no_calls", {"phone_numbers": ["+14155550199"]}, "Email is fine."),
    )
    for who, days, reason, named, note in notes:
        at = calendar.ago(days, 11, 40)
        suppress(actor=who, at=at, via=VIA, reason=reason, note=note, **named)  # type: ignore[arg-type]
    first = calendar.day(5)
    away = Absence(
        user=cast.leo, first_day=first, last_day=first + timedelta(days=6), stand_in=cast.priya, note="Hiking"
    )
    enter_absence(away, actor=cast.leo, at=calendar.ago(8, 9), via=VIA)
