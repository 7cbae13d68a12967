"""Sales material on a lead's page (C20): what the account of their company may see, once that is known."""

from __future__ import annotations

from django.http import HttpRequest

from accounts.material import show_material
from accounts.models import Account
from crm.core.panels import panel
from leads.conversion import company_domain
from leads.models import Lead


@panel("material", "Sales material", Lead)
def of_lead(request: HttpRequest, lead: Lead) -> str:
    """The material for somebody of a company."""
    return show_material(request, account_of(lead))


def account_of(lead: Lead) -> Account | None:
    """The account a lead became, else the one at their company's domain; None where several could be meant."""
    if lead.converted_account_id is not None:
        return lead.converted_account
    domain = company_domain(lead)
    found = list(Account.objects.at_domain(domain)[:2]) if domain else []
    return found[0] if len(found) == 1 or (found and found[0].own) else None  # type: ignore[attr-defined]
