"""What checkups look for on the accounts of customers (K4): one finding for each fact that is missing.

“Or a note why not”: a finding that is accepted with a reason is that note.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q

from accounts.addresses import address_columns, has_address
from accounts.models import Account
from contracts.models import Contract, Invoice
from contracts.signing import AGREED, ContractStatus
from contracts.stages import stage_keys
from contracts.standing import CUSTOMER, DERIVED, is_type
from crm.checkups.rules import Look, Rows, checkup


@checkup(
    "data.customer_facts",
    title="Customers have what is needed to bill, renew and support them",
    row="K4",
    severity="warning",
    why="Whoever bills, renews or helps a customer looks for it there; accept the finding to say why there is none.",
)
def customer_facts(look: Look) -> Iterator[Rows]:
    """Of every account that is shown as a customer."""
    grace = timedelta(days=look.book.account.grace_days)
    customers = Account.objects.filter(is_type([CUSTOMER], look.at))

    def shown_as_customer(account: Any) -> bool:
        return is_customer(account, look.today, grace)

    for name, expected, wrong, means in _facts():
        yield Rows(
            among=customers,
            wrong=wrong,
            expected=expected,
            found="Missing",
            detail=name,
            applies=shown_as_customer,
            means=means,
        )


Fact = tuple[str, str, Q, Callable[[Any], bool]]


def _facts() -> Iterator[Fact]:
    of_account = Contract.objects.filter(account=OuterRef("pk"))
    ends = Q(status__in=AGREED, end_date__isnull=False)
    served = Q(status=ContractStatus.TERMINATED, terminated_on__gt=F("effective_date"))
    sent = Invoice.objects.filter(contract__account=OuterRef("pk"), sent_on__isnull=False)
    yield (
        "billing_address",
        "A billing address",
        Q(**dict.fromkeys(address_columns("billing_"), "")),
        lambda account: not has_address(account, "billing_"),
    )
    yield "invoice_sent", "An invoice that was sent", ~Q(Exists(sent)), lambda account: not _invoiced(account)
    yield (
        "subscription_end",
        "A subscription end date, on its contract",
        ~Q(Exists(of_account.filter(ends | served))),
        lambda account: not any(_has_end(contract) for contract in account.contracts.all()),
    )
    for name, expected in (
        ("payment_terms", "Payment terms"),
        ("license_key", "A license key"),
        ("industry", "An industry"),
        ("linkedin_url", "A LinkedIn company URL"),
    ):
        yield name, expected, Q(**{name: ""}), _lacks(name)
    yield (
        "employees",
        "How many employees it has",
        Q(employees=None),
        lambda account: account.employees is None,
    )


def _lacks(name: str) -> Callable[[Any], bool]:
    return lambda account: not getattr(account, name)


def _invoiced(account: Any) -> bool:
    return any(one.sent_on for contract in account.contracts.all() for one in contract.invoices.all())


def _has_end(contract: Any) -> bool:
    if contract.status == ContractStatus.TERMINATED:
        return _served(contract)
    return contract.is_agreed and contract.end_date is not None


def _served(contract: Any) -> bool:
    """Whether it was terminated after it had begun."""
    started, ended = contract.effective_date, contract.terminated_on
    return started is not None and ended is not None and ended > started


def is_customer(account: Any, today: date, grace: timedelta) -> bool:
    """Whether an account is shown as a customer, as `contracts.standing` has it, over its contracts in memory."""
    if account.type not in DERIVED:
        return False
    begun = [one for one in account.contracts.all() if one.effective_date is not None and one.effective_date <= today]
    agreed = [one for one in begun if one.is_agreed]
    if any(_serves(one, today, grace) for one in agreed):
        return True
    was = bool(agreed) or any(one.status == ContractStatus.TERMINATED and _served(one) for one in begun)
    return bool(account.type == CUSTOMER and not was)


def _serves(contract: Any, today: date, grace: timedelta) -> bool:
    end = contract.end_date
    if end is None or end >= today:
        return True
    return bool(end >= today - grace) and any(one.stage in stage_keys("open") for one in contract.renewals.all())
