"""What is asked of a contract and of its invoices that are entered here, by people and their programs.

Imports and placed records are not asked, as with opportunities: the database alone judges them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from contracts.entering import CURRENCY
from contracts.models import Contract, Invoice
from crm import handbook
from crm.core.errors import Missing


def wrong_with_contract(contract: Contract, changed: Collection[str]) -> Iterator[Missing]:
    """What cannot be entered like this, looking at the fields that were entered."""
    entered = set(changed)
    yield from _currency(contract.currency, entered)
    opportunity = contract.opportunity if {"opportunity", "account"} & entered else None
    if opportunity is not None and contract.account_id not in (None, opportunity.account_id):
        sentence = f"{opportunity} is an opportunity of {opportunity.account}: choose one of the contract's account."
        yield Missing("opportunity_of_other_account", sentence, "opportunity")


def wrong_with_invoice(invoice: Invoice, changed: Collection[str], *, at: datetime) -> Iterator[Missing]:
    """As `wrong_with_contract`; what was sent or paid is so by today."""
    entered = set(changed)
    yield from _currency(invoice.currency, entered)
    today = handbook.current().today(at)
    for name in ("sent_on", "paid_on"):
        day = getattr(invoice, name)
        if name in entered and day is not None and day > today:
            yield Missing(f"{name}_to_come", f"{day} is still to come: enter it once it is so.", name)


def _currency(currency: str, entered: Collection[str]) -> Iterator[Missing]:
    if "currency" in entered and not CURRENCY.fullmatch(currency):
        yield Missing("invalid_currency", "Write the currency as three capital letters, as USD.", "currency")
