"""What comes after a contract, or on top of it: its renewal, made in time, the term that follows by itself, expansions.

A renewal is an opportunity that names the contract it renews. It is made once, so many days before the end as the
handbook says (`contract.renewal_days`), by a task. The lock on the contract is what makes it once: who enters one by
hand at the same moment takes that lock as well (`Opportunity.save`), and so waits for it, or keeps the task off it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef, Q
from django.utils.formats import date_format

from contracts.flow import stage_keys
from contracts.models import Contract, Opportunity
from contracts.signing import ContractStatus
from contracts.terms import DAY, end_date_of
from crm import handbook
from crm.activities.gate import CODE
from crm.core.acting import acting, retry_deadlocks
from crm.core.dialogs import url_of
from crm.core.door import create, move
from crm.core.errors import Refused
from crm.core.flow import Ask
from crm.core.permissions import may
from crm.notifications.services import Notice, notify
from crm.people.models import User

if TYPE_CHECKING:
    from django.db.models import QuerySet

VIA = "task"
STEP_DAYS = 7  # the first next step of what the program opens is due in a week, at the latest on the last day
# The words that the opportunity copies from the contract it goes on from.
ALIKE = ("currency", "payment_terms", "billing_process", "reseller")


def due_renewals(today: date) -> QuerySet[Contract]:
    """Contracts that end within the handbook's days, not terminated, and of which no renewal was made yet.

    One that amends another and ends with it is renewed together with that one.
    """
    last = today + timedelta(days=handbook.current().contract.renewal_days)
    made = Opportunity.objects.filter(renews=OuterRef("pk"))
    amended = Contract.objects.filter(
        pk=OuterRef("opportunity__amends"),
        status__in=(ContractStatus.SIGNED, ContractStatus.ACTIVE),
        end_date=OuterRef("end_date"),
        currency=OuterRef("currency"),
    )
    rows = Contract.objects.filter(
        ~Exists(made),
        ~Exists(amended),
        status__in=(ContractStatus.SIGNED, ContractStatus.ACTIVE),
        end_date__gte=today,
        end_date__lte=last,
    )
    return rows.order_by("end_date", "pk")


def open_renewals(*, at: datetime) -> int:
    """Make the renewals that are due; how many were made. Each is a transaction of its own."""
    today = handbook.current().today(at)
    return sum(open_renewal(pk, at=at) is not None for pk in due_renewals(today).values_list("pk", flat=True))


@retry_deadlocks
def open_renewal(pk: int, *, at: datetime) -> Opportunity | None:
    """Make the renewal of one contract if it is still due; None when somebody else has it, or has made it."""
    system, today = User.objects.system(), handbook.current().today(at)
    with acting(actor=system, via=VIA, at=at):
        locked = Contract.objects.select_for_update(skip_locked=True, of=("self",)).filter(pk=pk)
        if not locked.exists():
            return None
        # Under the lock: whoever made one meanwhile has committed it.
        contract = due_renewals(today).select_related("account__owner", "opportunity__owner").filter(pk=pk).first()
        if contract is None or contract.end_date is None:
            return None
        made = _open(renewal_of(contract, contract.end_date, today=today), actor=system, at=at)
        _tell(contract, made, at)
        return made


def renewal_of(contract: Contract, ends: date, *, today: date) -> Opportunity:
    """The unsaved renewal: the same again, with what was added meanwhile, from the day after its last day."""
    starts, months = ends + DAY, contract.renewal_term
    together = [contract, *_riding(contract)]
    return Opportunity(
        name=f"{contract.account.name} {starts.year} renewal"[:255],
        type="renewal",
        account_id=contract.account_id,
        owner=owner_for(contract),
        renews=contract,
        amount=_total(one.amount for one in together),
        hosts=_total(one.hosts for one in together),
        close_on=ends,
        effective_on=starts,
        term_months=months,
        ends_on=end_date_of(starts, months) if months else None,
        next_step=f"Ask how they want to renew {contract.name}"[:500],
        next_step_due=max(today, min(today + timedelta(days=STEP_DAYS), ends)),
        **{name: getattr(contract, name) for name in ALIKE},
    )


def _riding(contract: Contract) -> list[Contract]:
    """Agreed contracts that amend this one, end with it and are in its currency."""
    rows = Contract.objects.agreed().filter(
        opportunity__amends=contract, end_date=contract.end_date, currency=contract.currency
    )
    return list(rows.exclude(pk=contract.pk))


def _total(values: Iterable[Any]) -> Any:
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


def owner_for(contract: Contract) -> User | None:
    """Who goes on: the owner of the opportunity it came from, else of the account; nobody who left."""
    owners = [contract.opportunity.owner if contract.opportunity else None, contract.account.owner]
    return next((owner for owner in owners if owner is not None and owner.is_active), None)


def _open(opportunity: Opportunity, *, actor: User, at: datetime, via: str = VIA) -> Opportunity:
    """Store it in the first stage. With people who are not to be contacted no next step is planned."""
    opportunity.__dict__["stage"] = stage_keys("open")[0]
    try:
        with acting(actor=actor, via=via, at=at):
            return create(opportunity, actor=actor, at=at, via=via)
    except Refused as refusal:
        if refusal.code != CODE:
            raise
    opportunity.pk, opportunity.next_step, opportunity.next_step_due = None, "", None
    return create(opportunity, actor=actor, at=at, via=via)


def _tell(contract: Contract, made: Opportunity, at: datetime) -> None:
    if made.owner is None or contract.end_date is None:
        return
    ends = date_format(contract.end_date, "DATE_FORMAT")
    notify(
        [
            Notice(
                made.owner.pk,
                "renewal",
                f"renewal:{contract.pk}:{contract.end_date}",
                f"Renewal opened: {made}",
                f"{contract} ends on {ends}.",
                url_of(made, "change"),
            )
        ],
        at=at,
    )


def follow(contract: Any, ask: Ask) -> Contract:
    """The contract that follows one that renews by itself: the same terms for another term, from the day after.

    Nobody signs it: it was agreed with the old one, on whose last day it is closed. The renewal that is open, if there
    is one, is what it belongs to.
    """
    starts = contract.end_date + DAY
    renewal = contract.renewals.order_by("pk").last()
    alike = ("account", "name", "amount", "hosts", "auto_renew", "notice_days", "terms", *ALIKE)
    following = Contract(
        opportunity=renewal or contract.opportunity,
        effective_date=starts,
        term_months=contract.renewal_term,
        **{name: getattr(contract, name) for name in alike},
    )
    create(following, actor=ask.actor, at=ask.at, via=ask.via)
    agreed = {"close_date": contract.end_date, "signing": contract.signing or "signed"}
    move(following, "sign", actor=ask.actor, at=ask.at, via=ask.via, **agreed)
    return following


def add_expansion(
    contract: Contract,
    *,
    hosts: int | None,
    amount: Decimal | None,
    next_step: str,
    next_step_due: date | None,
    actor: User,
    at: datetime,
    via: str,
) -> Opportunity:
    """Open an opportunity that amends this contract and ends with it: `hosts` are those that are added.

    Raises:
        Refused: `forbidden`; `not_running` for a contract that is not agreed, or over.
    """
    today = handbook.current().today(at)
    if not may(actor, "change", contract):
        raise Refused("forbidden", "You may not change this contract.")
    running = Contract.objects.filter(Q(end_date=None) | Q(end_date__gte=today), pk=contract.pk)
    if not running.filter(status__in=(ContractStatus.SIGNED, ContractStatus.ACTIVE)).exists():
        raise Refused("not_running", "Only a contract that is signed and not over is expanded.")
    starts = max(today, contract.effective_date or today)
    short = contract.end_date is not None and contract.end_date <= starts
    expansion = Opportunity(
        name=f"{contract.account.name} {starts.year} expansion"[:255],
        type="expansion",
        account_id=contract.account_id,
        owner=owner_for(contract) or actor,
        amends=contract,
        amount=amount,
        hosts=hosts,
        close_on=starts,
        effective_on=None if short else starts,
        ends_on=contract.end_date,
        next_step=next_step,
        next_step_due=next_step_due,
        **{name: getattr(contract, name) for name in ALIKE},
    )
    expansion.__dict__["stage"] = stage_keys("open")[0]
    return create(expansion, actor=actor, at=at, via=via)
