"""Contracts and their invoices over the API: `/api/v1/contracts/`, `/api/v1/invoices/`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from accounts.models import Account
from contracts.entering import candidate
from contracts.entering_contracts import wrong_with_contract, wrong_with_invoice
from contracts.invoicing import add_invoice
from contracts.many import ManyContracts
from contracts.models import Contract, Invoice
from contracts.signing import ContractStatus
from contracts.terms import odd
from crm.core.api.fields import NO_SUCH
from crm.core.api.problems import Flaw
from crm.core.api.queries import KeyOf, RecordFilters, RecordId, Search, Words
from crm.core.api.scopes import declare_scopes
from crm.core.api.serializers import READ, RecordSerializer
from crm.core.api.views import RecordViewSet
from crm.core.api.writes import VIA

for resource in ("contracts", "invoices"):
    declare_scopes(
        resource,
        read=f"See {resource}",
        write=f"Create {resource} and change them; without “read” only id and version come back",
        delete=f"Delete {resource}",
    )
declare_scopes(
    "contracts",
    move="Send, sign and terminate contracts",
    place="Store contracts in a status that another system says they have",
)

CONTRACT = """name account_id opportunity_id effective_date close_date subscription_end_date term_months amount
    currency hosts payment_terms billing_process reseller_id auto_renew notice_days signing terms
    description""".split()
PLACED = ("status_since", "terminated_on")
INVOICE = "contract_id number amount currency sent_on paid_on".split()


class EnteredSerializer(RecordSerializer):
    """One whose values are judged together with what is stored."""

    def entered(self, values: dict[str, Any]) -> tuple[Any, list[str]]:
        """The record as it would be, and the fields that are entered or changed."""
        attributes = {str(one.attname): one.name for one in self.model._meta.concrete_fields}
        stored: Any = self.instance
        before = stored or self.model()
        changed = [attributes[name] for name, value in values.items() if not stored or getattr(stored, name) != value]
        return candidate(before, values), changed


class ContractSerializer(EnteredSerializer):
    """An agreement with a customer and its three dates (C1); its status changes by moves."""

    model = Contract
    names: ClassVar[Mapping[str, str]] = {
        **READ,
        "status": "status",
        **{name: name.removesuffix("_id") for name in (*PLACED, *CONTRACT)},
        "subscription_end_date": "end_date",
        "own": "kept",
    }
    writable = (*CONTRACT, "own")
    needed = ("name", "account_id")
    state = "status"
    placed = PLACED
    refused: ClassVar[Mapping[str, tuple[str, str]]] = {
        name: ("moves_only", f"“{name}” changes by moves: POST /api/v1/contracts/{{id}}/moves/VERB/.")
        for name in ("status", *PLACED)
    }

    def judge(self, values: dict[str, Any]) -> Iterable[Flaw]:
        """As it is judged on the page; a reseller is an account of type Partner."""
        reseller: Any = values.get("reseller_id")
        known = reseller is None or reseller == getattr(self.instance, "reseller_id", None)
        if not known and not Account.objects.filter(pk=reseller, type="partner").exists():
            yield Flaw("reseller_id", "invalid_choice", f"{NO_SUCH} A reseller is an account of type Partner.")
        if "status" in values:
            return
        entered, changed = self.entered(values)
        for item in wrong_with_contract(entered, changed):
            yield Flaw(self.name_of(item.field), item.code, item.message)


class ContractFilters(RecordFilters):
    """What contracts are found by."""

    status = Words("status", lambda: ContractStatus.choices, help_text="One or more statuses, between commas.")
    account_id = RecordId("account_id", help_text="Of this account.")
    opportunity_id = RecordId("opportunity_id", help_text="Of this opportunity; null: of none.")
    reseller_id = RecordId("reseller_id", help_text="Through this reseller; null: through none.")
    name = KeyOf("name_key", function="name_key", help_text="Of this name, whatever its case.")
    q = Search("name_key", help_text="The name has these characters; one or two: begins with them.")


class ContractViewSet(RecordViewSet):
    """Contracts."""

    resource = "contracts"
    followed = True
    model = Contract
    serializer_class = ContractSerializer
    filterset_class = ContractFilters
    many = ManyContracts
    computed: ClassVar[Mapping[str, Any]] = {
        "invoice_date": {
            "type": ["string", "null"],
            "format": "date",
            "description": "The date the invoice was sent to the customer: that of the first of its invoices.",
        },
        "payment_received": {
            "type": ["string", "null"],
            "format": "date",
            "description": "The day the last payment of its invoices was received.",
        },
        "warnings": {
            "type": "array",
            "description": "What is possible about its dates, and odd.",
            "items": {
                "type": "object",
                "required": ["code", "message", "field"],
                "properties": {name: {"type": "string"} for name in ("code", "message", "field")},
            },
        },
    }

    def compute(self, rows: list[dict[str, Any]]) -> None:
        """The days of its invoices, and what is odd about its dates."""
        found = Contract.objects.prefetch_related("invoices").in_bulk([row["id"] for row in rows])
        for row in rows:
            contract = found.get(row["id"])
            row["invoice_date"] = contract and contract.invoice_date
            row["payment_received"] = contract and contract.payment_received
            said = odd(contract.dates) if contract else ()
            row["warnings"] = [{"code": one.code, "message": one.message, "field": one.field} for one in said]


class InvoiceSerializer(EnteredSerializer):
    """An invoice of a contract."""

    model = Invoice
    names: ClassVar[Mapping[str, str]] = {**READ, **{name: name.removesuffix("_id") for name in INVOICE}}
    writable = INVOICE
    needed = ("contract_id",)

    def judge(self, values: dict[str, Any]) -> Iterable[Flaw]:
        """As it is judged on the page; an invoice stays with its contract."""
        stored = getattr(self.instance, "contract_id", None)
        if stored is not None and values.get("contract_id", stored) != stored:
            yield Flaw("contract_id", "read_only", "An invoice stays with its contract: delete it and make another.")
        entered, changed = self.entered(values)
        for item in wrong_with_invoice(entered, changed, at=self.context["at"]):
            yield Flaw(self.name_of(item.field), item.code, item.message)


class InvoiceFilters(RecordFilters):
    """What invoices are found by."""

    contract_id = RecordId("contract_id", help_text="Of this contract.")
    account_id = RecordId("contract__account_id", help_text="Of the contracts of this account.")


class InvoiceViewSet(RecordViewSet):
    """Invoices."""

    resource = "invoices"
    followed = True
    model = Invoice
    serializer_class = InvoiceSerializer
    filterset_class = InvoiceFilters

    def keep(self, record: Any, *, at: datetime, state: str | None) -> Any:
        """Store a new invoice, if its contract may be changed."""
        return add_invoice(record, actor=self.actor, at=at, via=VIA)
