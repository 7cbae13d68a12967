"""Contracts for tests, in any status, through the doors users have."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta
from typing import Any

from contracts.models import Contract, Invoice
from crm.core.acting import acting
from crm.core.door import create
from crm.people.models import User
from tests.factories import START, make_account

# In the tests' "now" it is 4 March 2026 in the company's zone.
TODAY = date(2026, 3, 4)
DAY = timedelta(days=1)
_numbers = itertools.count(1)
# What a contract in each status has; the dates are those of a year that runs now.
DATES: dict[str, dict[str, Any]] = {
    "draft": {},
    "sent": {},
    "signed": {"close_date": date(2026, 2, 1), "effective_date": date(2026, 4, 1), "end_date": date(2027, 3, 31)},
    "active": {"close_date": date(2025, 12, 1), "effective_date": date(2026, 1, 1), "end_date": date(2026, 12, 31)},
    "expired": {"close_date": date(2024, 12, 1), "effective_date": date(2025, 1, 1), "end_date": date(2025, 12, 31)},
    "terminated": {
        "close_date": date(2025, 12, 1),
        "effective_date": date(2026, 1, 1),
        "end_date": date(2026, 12, 31),
        "terminated_on": date(2026, 2, 1),
    },
}


def make_contract(*, status: str = "draft", at: datetime = START, **fields: Any) -> Contract:
    """A contract with an account; in another status than draft it was placed there, with dates that fit."""
    values: dict[str, Any] = {"name": f"Agreement {next(_numbers)}", "signing": "signed"} | DATES[status] | fields
    if "account" not in values:
        values["account"] = make_account(owner=fields.get("owner")) if "owner" in fields else make_account()
    values.pop("owner", None)
    return create(Contract(**values), actor=User.objects.system(), at=at, via="test", state=status)


def make_invoice(contract: Contract, **fields: Any) -> Invoice:
    """An invoice of it."""
    with acting(actor=User.objects.system(), via="test", at=START):
        return Invoice.objects.create(contract=contract, **{"number": f"INV-{next(_numbers)}"} | fields)
