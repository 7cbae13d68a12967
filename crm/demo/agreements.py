"""The contracts of the demo beside those that its won opportunities brought: one for each status there can be.

Somebody waits for a signature, somebody left early, one contract is in euros and through a reseller, one customer has
its days of grace while the renewal is talked about, and one has gone for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from accounts.models import Account
from contracts.models import Contract, Invoice, Opportunity
from contracts.terms import DAY, add_months, end_of_term
from crm.core.acting import acting
from crm.core.door import create, move
from crm.demo.cast import VIA, Cast
from crm.demo.clock import Calendar
from crm.people.models import User

PAID_AFTER = timedelta(days=28)


@dataclass(frozen=True)
class Agreement:
    """A contract of an account: how long ago its service started (in days; negative: to come), for how much."""

    account: int
    what: str
    started: int
    amount: int
    hosts: int
    currency: str = "USD"
    status: str = "signed"
    ended_days_ago: int | None = None
    terminated_days_ago: int | None = None
    resold: bool = False


AGREEMENTS = (
    Agreement(8, "subscription", -30, 72_000, 1_200, status="draft"),
    Agreement(2, "expansion", -14, 12_500, 300, status="sent"),
    Agreement(4, "subscription for Rotterdam", -20, 18_000, 400, currency="EUR", resold=True),
    Agreement(5, "expansion", 40, 9_900, 150, currency="EUR"),
    Agreement(6, "subscription", 200, 24_000, 600, terminated_days_ago=60),
    Agreement(7, "subscription", 377, 31_000, 700, ended_days_ago=12),
    Agreement(11, "subscription", 465, 11_000, 120, ended_days_ago=100),
)


def sign_agreements(accounts: Sequence[Account], owners: Sequence[User], cast: Cast, calendar: Calendar) -> None:
    """Make them, and let the calendar activate and end every contract of the demo."""
    reseller = _open_reseller(cast.nora, calendar)
    for one in AGREEMENTS:
        _agree(one, accounts[one.account], owners[one.account], reseller if one.resold else None, calendar)
    _keep(calendar)
    for one, contract in zip(AGREEMENTS, Contract.objects.order_by("-pk")[: len(AGREEMENTS)][::-1], strict=True):
        if one.terminated_days_ago is not None:
            _terminate(contract, one.terminated_days_ago, owners[one.account], calendar)
        if one.ended_days_ago is not None and one.ended_days_ago < 30:
            _renew(contract, owners[one.account], calendar)
    _name_renewed(calendar)


def _open_reseller(owner: User, calendar: Calendar) -> Account:
    at = calendar.ago(300, 11)
    with acting(actor=owner, via=VIA, at=at):
        partner = Account(name="Fairlead Resale", type="partner", owner=owner, created_at=at, updated_at=at)
        partner.website = "https://fairlead.example"
        partner.save()
    return partner


def _agree(one: Agreement, account: Account, owner: User, reseller: Account | None, calendar: Calendar) -> None:
    starts = calendar.today - timedelta(days=one.started)
    ends = end_of_term(starts, 12)
    if one.ended_days_ago is not None:
        ends = calendar.today - timedelta(days=one.ended_days_ago)
        starts = add_months(ends + DAY, -12)
    signed = min(starts - timedelta(days=9), calendar.today - timedelta(days=3))
    at = _morning(signed, calendar)
    contract = create(
        Contract(
            account=account,
            name=f"{account.name} {one.what}",
            effective_date=starts,
            end_date=ends,
            amount=Decimal(one.amount),
            currency=one.currency,
            hosts=one.hosts,
            payment_terms="net_30",
            billing_process="reseller" if reseller else "invoice",
            reseller=reseller,
            notice_days=30,
            created_at=at,
            updated_at=at,
        ),
        actor=owner,
        at=at,
        via=VIA,
    )
    if one.status == "draft":
        return
    move(contract, "send", actor=owner, at=at + timedelta(minutes=20), via=VIA)
    if one.status == "sent":
        return
    at += timedelta(hours=3)
    move(contract, "sign", actor=owner, at=at, via=VIA, close_date=signed, signing="signed")
    _bill(contract, signed + timedelta(days=2), owner, at, calendar)


def _bill(contract: Contract, sent: date, owner: User, at: datetime, calendar: Calendar) -> None:
    paid = sent + PAID_AFTER
    with acting(actor=owner, via=VIA, at=at):
        Invoice(
            contract=contract,
            number=f"{sent.year}-{contract.pk:04}",
            amount=contract.amount,
            currency=contract.currency,
            sent_on=min(sent, calendar.today),
            paid_on=paid if paid < calendar.today else None,
        ).save()


def _keep(calendar: Calendar) -> None:
    """What the calendar did to signed contracts on their days, a quarter of an hour after midnight."""
    system = User.objects.system()
    for contract in Contract.objects.filter(status="signed", effective_date__lte=calendar.today).order_by("pk"):
        for verb, day in (
            ("activate", contract.effective_date),
            ("expire", contract.end_date and contract.end_date + DAY),
        ):
            if day is not None and day <= calendar.today:
                at = datetime.combine(day, time(0, 15), tzinfo=calendar.zone)
                move(contract, verb, actor=system, at=min(at, calendar.now), via="task")


def _terminate(contract: Contract, days: int, owner: User, calendar: Calendar) -> None:
    stopped = calendar.today - timedelta(days=days)
    reason = "Their parent company rolled out its own tool."
    at = _morning(stopped, calendar)
    move(contract, "terminate", actor=owner, at=at, via=VIA, reason=reason, terminated_on=stopped)


def _renew(contract: Contract, owner: User, calendar: Calendar) -> None:
    """The renewal that is still talked about."""
    at = calendar.ago(60, 9, 40)
    create(
        Opportunity(
            stage=next(iter(Opportunity.entry_states())),
            name=f"{contract.account.name} {calendar.today.year} renewal",
            account=contract.account,
            owner=owner,
            type="renewal",
            renews=contract,
            amount=contract.amount,
            hosts=contract.hosts,
            close_on=calendar.today + timedelta(days=10),
            next_step="Ask legal for the redlines",
            next_step_due=calendar.day(2),
            created_at=at,
            updated_at=at,
        ),
        actor=owner,
        at=at,
        via=VIA,
    )


def _name_renewed(calendar: Calendar) -> None:
    """Every renewal that is open names the contract it renews: the first its account has."""
    for sale in Opportunity.objects.filter(type="renewal", renews=None).select_related("owner").order_by("pk"):
        first = Contract.objects.agreed().filter(account=sale.account_id).order_by("pk").first()
        if first is None or sale.owner is None:
            continue
        with acting(actor=sale.owner, via=VIA, at=calendar.ago(1, 15)):
            sale.renews = first
            sale.save(update_fields=["renews"])


def _morning(day: date, calendar: Calendar) -> datetime:
    """Ten o'clock of that day; what would still be to come has just happened."""
    return min(datetime.combine(day, time(10), tzinfo=calendar.zone), calendar.now - timedelta(hours=4))
