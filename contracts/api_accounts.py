"""Accounts over the API with what contracts say of them: their type, and with `expand=computed` their figures (C6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from django.utils import timezone

from accounts.api import AccountFilters
from accounts.api import AccountViewSet as PlainAccounts
from accounts.models import Account, account_type_choices
from contracts.figures import figures_of
from contracts.standing import is_type, types_of
from crm.core.api.etags import condition
from crm.core.api.problems import Flaw, Problem
from crm.core.api.queries import Words
from crm.core.api.views import record_id
from crm.core.errors import Stale

DAY: dict[str, Any] = {"type": ["string", "null"], "format": "date"}
COUNT: dict[str, Any] = {"type": "integer"}
MONEY: dict[str, Any] = {"type": "string", "description": "An amount, as text."}
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
    """Accounts. `type` is what the contracts say, else what was stated: it may change with the day alone."""

    filterset_class = CustomerFilters
    computed: ClassVar[Mapping[str, Any]] = {**PlainAccounts.computed, **FIGURES}

    def decorate(self, rows: list[dict[str, Any]]) -> None:
        """What each account is shown as."""
        super().decorate(rows)
        if any("type" in row for row in rows):
            types = types_of([row["id"] for row in rows], self.at)
            for row in rows:
                row["type"] = types.get(row["id"], row["type"])

    def beside(self, row: Mapping[str, Any]) -> str:
        """The type: it follows from contracts, without the account's version."""
        return str(row.get("type") or "")

    def beside_now(self, pk: int) -> str:
        """The type as it is now; nothing of an account that is not there."""
        return types_of([pk], self.at).get(pk) or ""

    def stale(self, stale: Stale) -> Problem:
        """412; where the account itself is as it was, that its type is another."""
        number, known = record_id(self.kwargs["pk"]), condition(self.request, "If-Match")
        asked = known.version_of(number) if known else None
        if asked is None or not Account.objects.filter(pk=number, version=asked).exists():
            return super().stale(stale)
        said = "The account's type is another since you read it: it follows from its contracts."
        return Problem(412, "stale", said, [Flaw("type", "changed_meanwhile", said)])

    def compute(self, rows: list[dict[str, Any]]) -> None:
        """The figures of each account, in one query."""
        if PlainAccounts.computed:
            super().compute(rows)
        found = figures_of([row["id"] for row in rows], self.at)
        for row in rows:
            figures = asdict(found[row["id"]])
            apart = {name: str(amount) for name, amount in figures["apart"].items()}
            revenue = {"amount": str(figures["revenue"]), "currency": figures["currency"], "apart": apart}
            row |= {name: revenue if name == "cumulative_revenue" else figures[name] for name in FIGURES}
