"""What the clocks of enquiries are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from django.db.models import F
from django.urls import reverse

from crm.clocks.subjects import Named, knows_subjects
from crm.core.among import among
from crm.enquiries.models import Enquiry, channel_choices
from crm.enquiries.waiting import with_whose

NUMBER = "0123456789"
# What is read of hundreds of records at once: no more than who asked and whose it is.
READ = (
    *("clock", "pk", "whose", "queue_now", "channel", "name", "email", "company", "account__name"),
    *("contact__first_name", "contact__last_name", "contact__email"),
    *("lead__first_name", "lead__last_name", "lead__email", "lead__linkedin_url"),
)


@knows_subjects
def enquiries(ids: Sequence[int]) -> Mapping[int, Named]:
    """Who asked, by which channel; whose it is, or in whose queue it waits. One query."""
    labels = dict(channel_choices())
    rows = with_whose(Enquiry.objects.filter(among("clock", ids))).values_list(*map(F, READ))
    found = {}
    for clock, pk, owner, queue, channel, name, email, company, account, *people in rows.order_by():
        of_contact, of_lead = people[:3], people[3:]
        person = _name(*of_contact) or _name(*of_lead) or name or email
        title = _title(labels.get(channel, channel), person, account or company)
        found[clock] = Named(title, _address(pk), owner, queue)
    return found


def title_of(enquiry: Enquiry) -> str:
    """The channel and who asked, with the company where it is known: “Web chat from Nia Park (Hooli)”."""
    company = str(enquiry.account) if enquiry.account is not None else enquiry.company
    return _title(enquiry.channel_label, str(enquiry.contact or enquiry.lead or enquiry.name or enquiry.email), company)


def address_of(enquiry: Enquiry) -> str:
    """The path of its page."""
    return _address(enquiry.pk)


def _name(first: str | None, last: str | None, *reached_by: str | None) -> str:
    """As contacts and leads are called; empty where there is none."""
    return f"{first or ''} {last or ''}".strip() or next(filter(None, reached_by), "")


def _title(channel: str, person: str, company: str) -> str:
    where = f" ({company})" if company and company not in person else ""
    return f"{channel} from {person or 'somebody unknown'}{where}"[:255]


def _address(pk: int) -> str:
    return _page().replace(NUMBER, str(pk), 1)


@cache
def _page() -> str:
    """The path with a number to be replaced: finding it anew for hundreds of records takes longer than reading them."""
    return reverse("admin:enquiries_enquiry_change", args=[NUMBER])
