"""The lead of somebody who booked a slot (R2): its meeting is scheduled, where the handbook allows the move."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from crm.core.door import move
from crm.core.errors import Refused
from crm.enquiries.models import Enquiry
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status

# A calendar tool's bookings come with a host and are moved and cancelled (crm.enquiries.bookings); what another system
# says of the past is no meeting.
APART = (Enquiry.Came.CALENDAR, Enquiry.Came.IMPORT)


def schedule_lead(enquiry: Enquiry, *, actor: User, at: datetime, via: str) -> None:
    """Move the lead to Meeting scheduled; one that no move leads there stays where it is, and its owner is told of the
    booking all the same."""
    meeting_at = enquiry.meeting_at
    if enquiry.lead_id is None or meeting_at is None or meeting_at <= at or enquiry.came_by in APART:
        return
    lead = Lead.objects.get(pk=enquiry.lead_id)
    if lead.status == Status.MEETING_SCHEDULED:
        return
    try:
        with transaction.atomic():
            move(lead, "schedule_meeting", actor=actor, at=at, via=via, meeting_at=meeting_at)
    except Refused:
        return
