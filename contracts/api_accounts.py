"""Accounts over the API, with what contracts say of them: with `expand=computed` their type and figures (C6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from django.utils import timezone

from accounts.api import AccountFilters
from accounts.api import AccountViewSet as PlainAccounts
from accounts.models import account_type_choices
from contracts.figures import figures_of
from contracts.standing import is_type, types_of
from crm.core.api.queries import Words

DAY: dict[str, Any] = {"type": ["string", "null"], "format": "date"}
COUNT: dict[str, Any] = {"type": "integer"}
MONEY: dict[str, Any] = {"type": "string", "description": "An amount, as text."}
TYPE: dict[str, Any] = {"type": "string", "description": "What its contracts say it is, else what was stated."}
FIGURES: dict[str, Any] = {
    "invoice_sent": DAY,
    "payment_received": DAY,
    "subscription_end": DAY,
    "total_opportunities": COUNT,
    "deals_won": COUNT,
    "first_close": DAY,
    "contracted_hosts": COUNT,
    "cumulative_revenue": {
        "type": "object",
        "description": "The sum in the company's currency; and by currency what has no rate, and is not in it.",
        "required": ["amount", "currency", "apart"],
        "properties": {
            "amount": MONEY,
            "currency": {"type": "string"},
            "apart": {"type": "object", "additionalProperties": MONEY},
        },
    },
}


class TypeFilter(Words):
    """Accounts that are shown as one of these types."""

    def filter(self, qs: Any, value: Any) -> Any:
        return qs.filter(is_type(value, timezone.now())) if value else qs


class CustomerFilters(AccountFilters):
    """What accounts are found by, their type among it."""

    type = TypeFilter(
        "type", account_type_choices, help_text="One or more types, between commas: what contracts say comes first."
    )


class AccountViewSet(PlainAccounts):
    """Accounts. What they are computed to be (`type`) may change with the day alone."""

    filterset_class = CustomerFilters
    computed: ClassVar[Mapping[str, Any]] = {**PlainAccounts.computed, "type": TYPE, **FIGURES}

    def compute(self, rows: list[dict[str, Any]]) -> None:
        """The type and the figures of each account, in a query each."""
        super().compute(rows)
        ids = [row["id"] for row in rows]
        types, found = types_of(ids, self.at), figures_of(ids, self.at)
        for row in rows:
            # One that was deleted since it was read is of no type.
            row["type"] = types.get(row["id"], "")
            figures = asdict(found[row["id"]])
            apart = {name: str(amount) for name, amount in figures["apart"].items()}
            revenue = {"amount": str(figures["revenue"]), "currency": figures["currency"], "apart": apart}
            row |= {name: revenue if name == "cumulative_revenue" else figures[name] for name in FIGURES}
