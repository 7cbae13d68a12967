"""What checkups look at among contracts (K4, C1, C10), and at what opportunities and contracts have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from contracts.entering import CURRENCY, PARTNER
from contracts.models import Contract, Invoice, Opportunity
from contracts.signing import AGREED, ContractStatus
from contracts.stages import stage_keys
from contracts.terms import DAY, impossible, odd
from crm.checkups.rules import Look, Rows, checkup
from crm.checkups.words import counted

# Signed by the last party, whatever became of it.
SIGNED = (*AGREED, ContractStatus.TERMINATED)
# The invoice date and what is said of it are read off a contract's invoices.
INVOICES = ("invoices",)


def _is_signed(record: Any) -> bool:
    return record.status in SIGNED


@checkup(
    "data.contract_dates",
    title="Contract dates are in order",
    row="K4",
    severity="warning",
    why="Signed by the close date, served from the effective date to the end date: another order is most often a slip.",
)
def dates_in_order(look: Look) -> Iterator[Rows]:
    """What `contracts.terms` calls impossible or odd about the order of a signed contract's dates (C1)."""
    signed = Contract.objects.filter(status__in=SIGNED)
    early = Invoice.objects.filter(contract=OuterRef("pk"), sent_on__lt=OuterRef("close_date"))
    for code, wrong, expected in (
        ("signed_after_start", Q(close_date__gt=F("effective_date")), "A close date by the effective date"),
        ("invoice_before_signature", Q(Exists(early)), "Invoices sent from the close date on"),
        ("terminated_after_end", Q(terminated_on__gt=F("end_date") + DAY), "Terminated before it ends by itself"),
        ("terminated_before_close", Q(terminated_on__lt=F("close_date")), "Terminated after it was signed"),
    ):
        yield Rows(
            among=signed,
            wrong=wrong,
            expected=expected,
            found=_sentence(code),
            detail=code,
            evidence=_dates,
            prefetch=INVOICES,
            applies=_is_signed,
            means=_says(code),
        )


def _said(record: Any) -> dict[str, str]:
    dates = record.dates
    return {one.code: one.message for one in (*impossible(dates), *odd(dates))}


def _says(code: str) -> Callable[[Any], bool]:
    return lambda record: code in _said(record)


def _sentence(code: str) -> Callable[[Any], str]:
    return lambda record: _said(record)[code]


@checkup(
    "data.contract_facts",
    title="Signed contracts have their dates",
    row="C1",
    severity="warning",
    why="Customers, renewals and revenue are worked out from these dates: without them a contract counts for nothing.",
)
def contract_facts(look: Look) -> Iterator[Rows]:
    """The three dates of C1 but for the invoice's, and what signing and terminating ask for beside them."""
    signed = Contract.objects.filter(status__in=SIGNED)
    for name, expected in (
        ("close_date", "The date the last party signed"),
        ("effective_date", "The start date of the service"),
        ("end_date", "The last day of service"),
    ):
        yield Rows(
            among=signed,
            wrong=Q(**{name: None}),
            expected=expected,
            found="Signed, without this date",
            detail=name,
            evidence=_dates,
            prefetch=INVOICES,
            applies=_is_signed,
            means=_without(name),
        )
    yield Rows(
        among=signed,
        wrong=Q(signing=""),
        expected="How it was agreed: signed, or accepted online",
        found="Not said",
        detail="signing",
        evidence=_dates,
        prefetch=INVOICES,
        applies=_is_signed,
        means=lambda record: not record.signing,
    )
    yield Rows(
        among=Contract.objects.filter(status=ContractStatus.TERMINATED),
        wrong=Q(terminated_on=None),
        expected="The first day without service",
        found="Terminated, without a day",
        detail="terminated_on",
        evidence=_dates,
        prefetch=INVOICES,
        applies=lambda record: record.status == ContractStatus.TERMINATED,
        means=lambda record: record.terminated_on is None,
    )


def _without(name: str) -> Callable[[Any], bool]:
    return lambda record: getattr(record, name) is None


@checkup(
    "data.contract_invoice",
    title="Contracts in service have an invoice",
    row="C1",
    severity="warning",
    why="The invoice date is the day the invoice was sent; long after the effective date somebody forgot it.",
)
def invoice_sent(look: Look) -> Iterator[Rows]:
    """An agreed contract that costs something, so many days after its effective date."""
    days = look.book.checkups.no_invoice_days
    last = look.today - timedelta(days=days)
    sent = Invoice.objects.filter(contract=OuterRef("pk"), sent_on__isnull=False)
    yield Rows(
        among=Contract.objects.agreed().filter(effective_date__lt=last).exclude(amount=0),
        wrong=~Q(Exists(sent)),
        expected=f"An invoice that was sent within {counted(days, 'day')} of the effective date",
        found=lambda record: f"In service since {record.effective_date}, and no invoice was sent",
        applies=lambda record: _costs(record) and record.effective_date is not None and record.effective_date < last,
        means=lambda record: record.invoice_date is None,
    )


def _costs(record: Any) -> bool:
    return bool(record.is_agreed) and record.amount != 0


@checkup(
    "data.amount_currency",
    title="Amounts are in a currency that has a rate",
    row="C6",
    severity="warning",
    why="An amount without a rate is listed apart and never added: neither revenue nor a forecast counts it.",
)
def amounts_have_a_rate(look: Look) -> Iterator[Rows]:
    """Three capital letters, and the company's own or one with a rate on the close date; without a date, on any."""
    company = look.book.company
    since: dict[str, date] = {}
    for rate in company.rates:
        since[rate.currency] = min(rate.since, since.get(rate.currency, rate.since))
    known = Q(currency=company.currency)
    is_one = Q(currency__regex=f"^{CURRENCY.pattern}$")
    lost = stage_keys("lost")

    def applies(record: Any) -> bool:
        return bool(record.amount) and not (isinstance(record, Opportunity) and record.stage in lost)

    def has_rate(record: Any) -> bool:
        day = record.close_on if isinstance(record, Opportunity) else record.close_date
        first = since.get(record.currency)
        return record.currency == company.currency or (first is not None and (day is None or day >= first))

    among: QuerySet[Any]
    for among, day in (
        (Opportunity.objects.exclude(stage__in=lost), "close_on"),
        (Contract.objects.all(), "close_date"),
    ):
        amounts = among.filter(amount__isnull=False).exclude(amount=0)
        rated = known
        for currency, first in since.items():
            rated |= Q(currency=currency) & (Q(**{day: None}) | Q(**{f"{day}__gte": first}))
        yield Rows(
            among=amounts,
            wrong=~is_one,
            expected=f"A currency of three capital letters, as {company.currency}",
            found="A currency that is none",
            detail="currency",
            applies=applies,
            means=lambda record: not CURRENCY.fullmatch(record.currency),
        )
        yield Rows(
            among=amounts,
            wrong=is_one & ~rated,
            expected=f"{company.currency}, or a currency with a rate in the handbook on its day",
            found=lambda record: f"An amount in {record.currency}, without a rate",
            detail="rate",
            applies=applies,
            means=lambda record: bool(CURRENCY.fullmatch(record.currency)) and not has_rate(record),
        )


@checkup(
    "data.reseller",
    title="Resellers are partners",
    row="C10",
    severity="warning",
    why="A reseller is an account of type Partner, and never the customer itself.",
)
def resellers_are_partners(look: Look) -> Iterator[Rows]:
    """Of opportunities and of contracts."""
    kinds: list[type[Any]] = [Opportunity, Contract]
    for kind in kinds:
        among = kind.objects.exclude(reseller=None)
        yield Rows(
            among=among,
            wrong=Q(reseller=F("account")),
            expected="Another account than the customer",
            found="The customer resells to itself",
            detail="same",
            applies=lambda record: record.reseller_id is not None,
            means=lambda record: record.reseller_id == record.account_id,
        )
        yield Rows(
            among=among,
            wrong=~Q(reseller=F("account")) & ~Q(reseller__type=PARTNER),
            expected="A reseller of type Partner",
            found="Its reseller is of another type",
            detail="type",
            applies=lambda record: record.reseller_id is not None,
            means=lambda record: record.reseller_id != record.account_id and record.reseller.type != PARTNER,
        )


def _dates(record: Any) -> list[tuple[str, str]]:
    named = (
        ("Close date", record.close_date),
        ("Effective date", record.effective_date),
        ("Subscription end date", record.end_date),
        ("Terminated on", record.terminated_on),
        ("Invoice date", record.invoice_date),
    )
    return [("Status", record.get_status_display()), *((label, str(day)) for label, day in named if day)]
