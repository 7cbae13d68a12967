"""What becomes of enquiries when a lead is merged into a contact; every other merge turns their keys as all others."""

from __future__ import annotations

from typing import Any

from accounts.models import Contact
from crm.duplicates.kinds import Merge, register_links
from crm.enquiries.matching import of_contact
from leads import merging  # noqa: F401 - knows the way from a lead into a contact
from leads.models import Lead


def of_the_contact(merge: Merge, row: Any, link: Any) -> None:
    """It is the contact's, with the account and the open opportunity."""
    match = of_contact(merge.survivor)
    row.lead, row.contact, row.account, row.opportunity = None, match.contact, match.account, match.opportunity
    row.save(update_fields=["lead", "contact", "account", "opportunity"])


def forget_lead(merge: Merge, row: Any, link: Any) -> None:
    """Nothing will be given back to a lead that is a contact now."""
    row.converted_lead = None
    row.save(update_fields=["converted_lead"])


register_links(
    Lead,
    Contact,
    {"enquiries.Enquiry.lead": of_the_contact, "enquiries.Enquiry.converted_lead": forget_lead},
)
