"""What the clocks of enquiries are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from django.urls import reverse

from crm.clocks.subjects import Subject, knows_subjects
from crm.core.among import among
from crm.enquiries.models import Enquiry

NUMBER = "0123456789"
# What is read of hundreds of records at once: no more than who asked and whose it is.
JOINED = ("owner", "queue", "lead__owner", "lead__queue", "contact", "account__owner", "opportunity__owner")
READ = (
    *("clock", "channel", "name", "email", "company", "owner__email", "queue__name"),
    *("lead__first_name", "lead__last_name", "lead__email", "lead__linkedin_url", "lead__owner__email"),
    *("lead__queue__name", "contact__first_name", "contact__last_name", "contact__email"),
    *("account__name", "account__owner__email", "opportunity__owner__email"),
)


@knows_subjects
def enquiries(ids: Sequence[int]) -> Mapping[int, Subject]:
    """Who asked, by which channel; whose it is, or in whose queue it waits. One query."""
    rows = Enquiry.objects.select_related(*JOINED).only(*JOINED, *READ).filter(among("clock", ids))
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
    return _page().replace(NUMBER, str(enquiry.pk), 1)


@cache
def _page() -> str:
    """The path with a number to be replaced: finding it anew for hundreds of records takes longer than reading them."""
    return reverse("admin:enquiries_enquiry_change", args=[NUMBER])
