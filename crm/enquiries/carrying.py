"""Enquiries follow their lead: to the contact that it becomes, and back when it is returned."""

from __future__ import annotations

from crm.enquiries.models import Enquiry
from leads.conversion import goes_along
from leads.models import Lead


def carry(lead: Lead) -> None:
    """They are the contact's now, with the account and the opportunity."""
    Enquiry.objects.filter(lead=lead).update(
        lead=None,
        converted_lead=lead,
        contact=lead.converted_contact,
        account=lead.converted_account,
        opportunity=lead.converted_opportunity,
    )


def give_back(lead: Lead) -> None:
    """They are the lead's again."""
    Enquiry.objects.filter(converted_lead=lead).update(
        lead=lead, converted_lead=None, contact=None, account=None, opportunity=None
    )


goes_along(carry, give_back)
