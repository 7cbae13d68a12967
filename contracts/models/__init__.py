"""What we may sell (opportunities) and what was signed (contracts)."""

from contracts.models.agreements import Contract, ContractQuerySet, Invoice
from contracts.models.choices import (
    billing_process_choices,
    company_currency,
    contact_role_choices,
    forecast_choices,
    lost_reason_choices,
    months,
    type_choices,
)
from contracts.models.opportunities import ContactRole, NextStep, NextStepQuerySet, Opportunity, OpportunityQuerySet

__all__ = [
    "ContactRole",
    "Contract",
    "ContractQuerySet",
    "Invoice",
    "NextStep",
    "NextStepQuerySet",
    "Opportunity",
    "OpportunityQuerySet",
    "billing_process_choices",
    "company_currency",
    "contact_role_choices",
    "forecast_choices",
    "lost_reason_choices",
    "months",
    "type_choices",
]
