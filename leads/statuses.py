"""The ten statuses of a lead (L2): fixed in code, named as the handbook page names them."""

from __future__ import annotations

from django.db import models


class Status(models.TextChoices):
    """Where a lead stands."""

    NEW = "new", "New"
    NEW_ENRICHED = "new_enriched", "New enriched"
    NEW_MQL = "new_mql", "New MQL"
    WORKING_TO_ENGAGE = "working_to_engage", "Working to engage"
    ENGAGED = "engaged", "Engaged"
    MEETING_SCHEDULED = "meeting_scheduled", "Meeting scheduled"
    WORKING_TO_CONVERT = "working_to_convert", "Working to convert"
    CLOSED_NURTURE = "closed_nurture", "Closed nurture"
    CLOSED_DO_NOT_CONTACT = "closed_do_not_contact", "Closed do not contact"
    SAO_CONVERTED = "sao_converted", "SAO Converted"


# The page's own words, acronyms expanded (L15): shown as help beside the status.
MEANING: dict[str, str] = {
    Status.NEW: "We have an email or a LinkedIn profile URL, and no established intent.",
    Status.NEW_ENRICHED: "Additional contact info was found.",
    Status.NEW_MQL: "Marketing Qualified Lead (MQL): meets the company-size criterion.",
    Status.WORKING_TO_ENGAGE: "Somebody, often a Sales Development Representative (SDR), is working to engage them.",
    Status.ENGAGED: "Contact was made.",
    Status.MEETING_SCHEDULED: "A meeting is in the calendar.",
    Status.WORKING_TO_CONVERT: "Not enough is known of Budget, Authority, Need and Timing (BANT) to convert.",
    Status.CLOSED_NURTURE: "BANT is not met, but contact is worth keeping.",
    Status.CLOSED_DO_NOT_CONTACT: "Do Not Contact (DNC): never reached out to again.",
    Status.SAO_CONVERTED: "BANT is met: converted to a Sales Accepted Opportunity (SAO).",
}

NEW_ONES = (Status.NEW, Status.NEW_ENRICHED, Status.NEW_MQL)
# The order a lead goes through on its way to conversion: what the path on its page shows.
PATH = (
    *NEW_ONES,
    Status.WORKING_TO_ENGAGE,
    Status.ENGAGED,
    Status.MEETING_SCHEDULED,
    Status.WORKING_TO_CONVERT,
    Status.SAO_CONVERTED,
)
CLOSED = (Status.CLOSED_NURTURE, Status.CLOSED_DO_NOT_CONTACT, Status.SAO_CONVERTED)
OPEN = tuple(status for status in Status if status not in CLOSED)
