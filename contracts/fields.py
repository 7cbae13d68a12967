"""The fields of accounts, opportunities and contracts that are worked out from contracts and invoices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import Exists, Max, Min, OuterRef, Q

from accounts.models import Account, account_type_choices
from contracts.figures import value_of
from contracts.flow import stage_keys
from contracts.forecast_category import category_choices, category_condition, shown_categories
from contracts.models import Contract, Invoice, Opportunity
from contracts.signing import AGREED
from contracts.standing import shown_types, type_condition
from crm import handbook
from crm.workspace.fields import Field, declare

Days = Callable[[Sequence[Any], datetime], Mapping[int, date]]


def of_invoices(path: str, found: Min | Max) -> Days:
    """A day of the invoices that belong to each record, by the path from an invoice to the record's id."""

    def values(records: Sequence[Any], at: datetime) -> Mapping[int, date]:
        rows = Invoice.objects.filter(**{f"{path}__in": [record.pk for record in records]})
        days = rows.order_by().values_list(path).annotate(day=found)
        return {pk: day for pk, day in days if day is not None}

    return values


def in_force(operator: str, values: Sequence[str], at: datetime) -> Q:
    """Contracts with service today; with “no”, the others."""
    rows = Contract.objects.filter(pk=OuterRef("pk")).in_force(handbook.current().today(at))
    return Q(Exists(rows)) if (list(values) == ["yes"]) == (operator != "is_not") else ~Q(Exists(rows))


def is_in_force(records: Sequence[Any], at: datetime) -> Mapping[int, bool]:
    """Whether there is service today."""
    today = handbook.current().today(at)

    def runs(one: Any) -> bool:
        begun = one.effective_date is not None and one.effective_date <= today
        return one.status in AGREED and begun and (one.end_date is None or one.end_date >= today)

    return {record.pk: runs(record) for record in records}


declare(
    Account,
    Field(
        "type",
        "type",
        kind="choice",
        column="type",
        values=shown_types,
        condition=type_condition,
        choices=account_type_choices,
        help="Customer and former customer follow from the contracts, where there are any.",
    ),
    Field("invoice_sent", "invoice sent (latest)", kind="date", values=value_of("invoice_sent")),
    Field("payment_received", "payment received on (latest)", kind="date", values=value_of("payment_received")),
    Field("subscription_end", "subscription end date (latest)", kind="date", values=value_of("subscription_end")),
    Field("total_opportunities", "total opportunities (#)", kind="number", values=value_of("total_opportunities")),
    Field("deals_won", "deals won (#)", kind="number", values=value_of("deals_won")),
    Field("first_close", "close date (first deal)", kind="date", values=value_of("first_close")),
    Field("cumulative_revenue", "cumulative revenue", kind="money", values=value_of("cumulative_revenue")),
    Field("contracted_hosts", "contracted hosts (#)", kind="number", values=value_of("contracted_hosts")),
)


def are_open(records: Sequence[Any], at: datetime) -> Mapping[int, bool]:
    """Whether each is neither won nor lost."""
    return {record.pk: record.stage in stage_keys("open") for record in records}


def open_rows(operator: str, values: Sequence[str], at: datetime) -> Q:
    """Opportunities that are neither won nor lost; with “no”, those that are."""
    kinds = {"yes": ("open",), "no": ("won", "lost")}
    return Q(stage__in=[key for word in values for kind in kinds.get(word, ()) for key in stage_keys(kind)])


def shown_confidence(record: Any, value: Any, at: datetime) -> str:
    """In percent; nothing where nobody said."""
    return "" if value is None else f"{value}%"


declare(
    Opportunity,
    Field(
        "stated_forecast",
        "forecast category",
        kind="choice",
        column="stated_forecast",
        values=shown_categories,
        condition=category_condition,
        choices=category_choices,
        offered=True,
        help="The stated one while it is open, else its stage’s.",
    ),
    Field(
        "confidence",
        "confidence (%)",
        kind="number",
        column="confidence",
        cell=shown_confidence,
        help="How sure its owner is that it is won on the close date.",
    ),
    Field("account", "account name", kind="record", column="account"),
    Field("name", "opportunity name", column="name", help="Carries the year: “Acme 2026”."),
    Field("open", "open", kind="yes_no", values=are_open, condition=open_rows),
    Field("invoice_sent", "invoice sent", kind="date", values=of_invoices("contract__opportunity", Max("sent_on"))),
    Field(
        "payment_received",
        "date payment was received",
        kind="date",
        values=of_invoices("contract__opportunity", Max("paid_on")),
    ),
)
declare(
    Contract,
    Field(
        "invoice_date",
        "invoice date",
        kind="date",
        values=of_invoices("contract", Min("sent_on")),
        help="The date the invoice was sent to the customer: that of the first of its invoices.",
    ),
    Field("payment_received", "payment received", kind="date", values=of_invoices("contract", Max("paid_on"))),
    Field("in_force", "in force", kind="yes_no", values=is_in_force, condition=in_force),
)
