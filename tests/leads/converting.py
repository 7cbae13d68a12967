"""Leads that can be converted, and the click that does it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import Account, Contact
from contracts.models import Opportunity
from crm.core.door import move
from crm.core.errors import Refused
from crm.people.models import User
from leads.models import Conversion, Lead
from leads.statuses import Status
from tests.factories import make_lead
from tests.leads.moves import BANT

TABLES = (Account, Contact, Opportunity, Conversion)


def counts() -> list[int]:
    """How many accounts, contacts, opportunities and receipts there are."""
    return [model._base_manager.count() for model in TABLES]


def ready(**fields: Any) -> Lead:
    """A lead with all four of BANT confirmed, of a company with a domain of its own."""
    return make_lead(status=Status.WORKING_TO_CONVERT, **(BANT | fields))


def convert(lead: Lead, actor: User, at: datetime, **facts: Any) -> Conversion:
    """Convert with the facts that are asked for; returns the receipt."""
    asked: dict[str, Any] = {
        "opportunity_owner": actor,
        "next_step": "Call them",
        "next_step_due": at.date() + timedelta(days=2),
    }
    move(lead, "convert", actor=actor, at=at, via="test", **(asked | facts))
    return lead.conversions.get(state=Conversion.State.HANDED_OVER)


def how(receipt: Conversion) -> dict[str, str]:
    """How each of the three came about."""
    return {name: chosen["how"] for name, chosen in receipt.receipt["chosen"].items()}


def codes(call: Callable[[], object]) -> tuple[str, ...]:
    """The codes with which the call is refused."""
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.codes
