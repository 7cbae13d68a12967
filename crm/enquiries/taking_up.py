"""Taking up an enquiry that was voided: one that was voided as it came has neither person nor clock yet."""

from __future__ import annotations

from datetime import datetime

from crm.activities.newcomers import bar_newcomer
from crm.enquiries.attaching import details_known
from crm.enquiries.incoming import keys_of
from crm.enquiries.matching import Match
from crm.enquiries.models import Enquiry
from crm.enquiries.receiving import is_barred, start
from crm.enquiries.telling import tell_received
from crm.people.models import User


def take_up(enquiry: Enquiry, *, actor: User, at: datetime, via: str) -> None:
    """Find or make whose it is, and start its clock from when it was received; inside a domain call."""
    find_person(enquiry, actor=actor, at=at, via=via)
    taken = Enquiry.objects.with_people().get(pk=enquiry.pk)
    match = Match(lead=taken.lead, contact=taken.contact, account=taken.account, opportunity=taken.opportunity)
    bar = bar_newcomer(emails=[taken.email], linkedin_url=taken.linkedin_url, phone_numbers=[taken.phone], websites=[])
    taken.barred = bar is not None or is_barred(match)
    if not taken.barred:
        start(taken, match, at=at)
    taken.save(update_fields=["barred", "clock"])
    tell_received(taken, came_back=match.came_back, at=at)


def find_person(enquiry: Enquiry, *, actor: User, at: datetime, via: str) -> None:
    """Find or make whose it is, where it stands alone and says who asked; inside a domain call."""
    if enquiry.about is None and keys_of(email=enquiry.email, linkedin_url=enquiry.linkedin_url):
        details = {"email": enquiry.email, "linkedin_url": enquiry.linkedin_url}
        details_known(enquiry, **details, actor=actor, at=at, via=via)
