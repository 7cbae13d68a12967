"""What the clocks of enquiries are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.urls import NoReverseMatch, reverse

from crm.clocks.subjects import Subject, knows_subjects
from crm.enquiries.models import Enquiry


@knows_subjects
def enquiries(ids: Sequence[int]) -> Mapping[int, Subject]:
    """Who asked, by which channel; whose it is, or in whose queue it waits. One query."""
    rows = Enquiry.objects.with_people().filter(clock__in=ids)
    return {
        row.clock_id: Subject(title_of(row), address_of(row), row.responsible, row.waits_in)
        for row in rows
        if row.clock_id is not None
    }


def title_of(enquiry: Enquiry) -> str:
    """The channel and who asked, with the company where it is known: “Web chat from Nia Park (Hooli)”."""
    company = str(enquiry.account) if enquiry.account is not None else enquiry.company
    person = str(enquiry.contact or enquiry.lead or enquiry.name or enquiry.email or "somebody unknown")
    where = f" ({company})" if company and company not in person else ""
    return f"{enquiry.channel_label} from {person}{where}"[:255]


def address_of(enquiry: Enquiry) -> str:
    """The path of its page."""
    try:
        return reverse("admin:enquiries_enquiry_change", args=[enquiry.pk])
    except NoReverseMatch:
        return ""
