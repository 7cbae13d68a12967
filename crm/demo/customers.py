"""The companies that buy, or might: accounts with their people, what is being sold to them, and what was signed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from accounts.models import Account, Contact
from contracts.models import ContactRole, Contract, Invoice, Opportunity
from contracts.stages import criteria_of
from contracts.terms import end_of_term
from crm.core.acting import acting
from crm.core.door import create, move
from crm.demo.cast import VIA, Cast
from crm.demo.clock import Calendar
from crm.demo.names import CUSTOMERS, Company, person
from crm.people.models import User

FIRST_PERSON = 200  # numbers of invented people that no lead has
STEPS = (
    "Send the security questionnaire",
    "Book the technical workshop",
    "Agree on the scope of the trial",
    "Send the quote",
    "Review the redlines with legal",
    "Call the economic buyer",
)

FIRST_STEP = "Prepare the first meeting"
POC_CRITERIA = "All 200 test hosts report within an hour.\nThe security team signs the data flow off."


class Sale(NamedTuple):
    """An opportunity: of which account, what, how much, how far (open stage 0-6, "won" or "lost"), since how long."""

    account: int
    what: str
    amount: int | None
    far: int | str
    opened: int  # working days ago
    close_in: int  # days from today
    step_due: int = 3  # working days from today


SALES = (
    Sale(0, "new_business", 48_000, "won", 260, -240),
    Sale(0, "expansion", 22_000, 5, 30, 18, -2),
    Sale(1, "new_business", 96_000, "won", 300, -210),
    Sale(1, "renewal", 105_000, 6, 25, 12, 0),
    Sale(2, "new_business", 64_000, "won", 190, -120),
    Sale(3, "new_business", 180_000, "won", 330, -300),
    Sale(3, "renewal", 190_000, 3, 20, 40),
    Sale(3, "expansion", 45_000, 0, 4, 85, 5),
    Sale(4, "new_business", 39_000, "won", 150, -100),
    Sale(4, "expansion", 15_500, "lost", 70, -20),
    Sale(5, "new_business", 58_000, "won", 120, -75),
    Sale(6, "new_business", 27_500, 2, 22, 50, 1),
    Sale(7, "proof_of_concept", None, 4, 35, 30, -4),
    Sale(8, "new_business", 72_000, 5, 48, 9, 0),
    Sale(9, "new_business", 18_000, "lost", 90, -40),
    Sale(9, "new_business", 24_000, 0, 6, 80, 2),
    Sale(10, "new_business", 130_000, 6, 55, 6, 1),
    Sale(11, "new_business", 12_000, 1, 15, 60, -1),
)
TYPES = ("customer", "customer", "customer", "customer", "customer", "customer") + (
    ("prospect",) * 4 + ("prospect", "former_customer")
)


def owner_of(account: int, cast: Cast) -> User:
    """The two AEs share the accounts."""
    return (cast.alex, cast.nora)[account % 2]


def open_accounts(cast: Cast, calendar: Calendar) -> list[Account]:
    """Make the accounts and two or three people in each."""
    accounts = []
    for number, (company, kind) in enumerate(zip(CUSTOMERS, TYPES, strict=True)):
        owner, at = owner_of(number, cast), calendar.ago(340 - number, 9, 20)
        with acting(actor=owner, via=VIA, at=at):
            accounts.append(_open_account(company, kind, number, owner, at))
            for place in range(2 + number % 2):
                _add_contact(accounts[-1], company, number * 3 + place, owner, at)
    return accounts


def _open_account(company: Company, kind: str, number: int, owner: User, at: datetime) -> Account:
    account = Account(
        name=company.name,
        type=kind,
        website=f"https://{company.domain}",
        industry=company.industry,
        employees=company.employees,
        rating="hot" if kind == "prospect" else "",
        owner=owner,
        billing_city=company.city,
        billing_state=company.state,
        billing_country="United States",
        phone=f"(650) 555-01{number:02}",
        created_at=at,
        updated_at=at,
    )
    account.save()
    return account


def _add_contact(account: Account, company: Company, number: int, owner: User, at: datetime) -> None:
    who = person(FIRST_PERSON + number)
    Contact(
        account=account,
        owner=owner,
        first_name=who.first_name,
        last_name=who.last_name,
        title=who.title,
        email=who.email_at(company),
        phone=f"(628) 555-01{number:02}",
        created_at=at,
        updated_at=at,
    ).save()


def sell(accounts: Sequence[Account], cast: Cast, calendar: Calendar) -> None:
    """Make the opportunities and take each as far as it has come; sign what was won."""
    for number, sale in enumerate(SALES):
        owner = owner_of(sale.account, cast)
        opportunity = _open_opportunity(sale, number, accounts[sale.account], owner, calendar)
        _name_people(opportunity, sale, owner, calendar)
        _pursue(opportunity, sale, owner, calendar)


def _open_opportunity(sale: Sale, number: int, account: Account, owner: User, calendar: Calendar) -> Opportunity:
    at = calendar.ago(sale.opened, 10, 5)
    closes = calendar.today + timedelta(days=sale.close_in)
    is_poc = sale.what == "proof_of_concept"
    first_due = calendar.day(sale.step_due) if sale.far == 0 else at.date() + timedelta(days=5)
    return create(
        Opportunity(
            stage=next(iter(Opportunity.entry_states())),
            name=f"{account.name} {closes.year}{' expansion' if sale.what == 'expansion' else ''}",
            account=account,
            contact=account.contacts.order_by("pk").first(),
            owner=owner,
            type=sale.what,
            amount=sale.amount,
            close_on=closes,
            next_step=FIRST_STEP,
            next_step_due=first_due,
            hosts=(250, 1_200, 4_000)[number % 3] if sale.amount else None,
            payment_terms=("net_30", "net_45")[number % 2],
            term_months=12 if sale.amount else None,
            poc_start=calendar.day(-10) if is_poc else None,
            poc_end=calendar.day(11) if is_poc else None,
            poc_criteria=POC_CRITERIA if is_poc else "",
            lead_source=("outbound_research", "customer_event", "partner", "website")[number % 4],
            created_at=at,
            updated_at=at,
        ),
        actor=owner,
        at=at,
        via=VIA,
    )


def _name_people(opportunity: Opportunity, sale: Sale, owner: User, calendar: Calendar) -> None:
    """Who is what to it: the first of the company's people champions it, another one pays."""
    people = opportunity.account.contacts.order_by("pk")[:2]
    with acting(actor=owner, via=VIA, at=calendar.ago(sale.opened, 10, 20)):
        for somebody, role in zip(people, ("champion", "economic_buyer"), strict=False):
            ContactRole(
                opportunity=opportunity, contact=somebody, role=role, is_primary=somebody == opportunity.contact
            ).save()


def _pursue(opportunity: Opportunity, sale: Sale, owner: User, calendar: Calendar) -> None:
    """Advance it through the stages, evenly over the time since it was opened, from promise to promise."""
    stages = sale.far if isinstance(sale.far, int) else {"won": 6, "lost": 2}[sale.far]
    end = sale.opened // 4 if isinstance(sale.far, int) else max(1, -sale.close_in * 5 // 7)
    for step in range(1, stages + 1):
        days = sale.opened - (sale.opened - end) * step // (stages + 1)
        last = step == stages and isinstance(sale.far, int)
        _advance(opportunity, step, sale.step_due if last else None, owner, calendar, days)
    if sale.far == "won":
        _sign(opportunity, sale, owner, calendar)
        move(opportunity, "win", actor=owner, at=calendar.ago(end, 16, 10), via=VIA, next_step_kept=True)
    elif sale.far == "lost":
        reason = ("price", "no_decision")[sale.account % 2]
        move(opportunity, "lose", actor=owner, at=calendar.ago(end, 16, 10), via=VIA, lost_reason=reason)
    elif opportunity.amount is not None and sale.account % 3 == 0:
        _postpone(opportunity, owner, calendar)


def _advance(opportunity: Opportunity, step: int, due: int | None, owner: User, calendar: Calendar, days: int) -> None:
    """One stage on: its exit criteria are met, the step that stood is done or rewritten, the next one is promised."""
    at = calendar.ago(days, 11 + step % 4, 15)
    day = calendar.day(due) if due is not None else at.date() + timedelta(days=4 + step % 5)
    move(
        opportunity,
        "advance",
        actor=owner,
        at=at,
        via=VIA,
        criteria=[one.key for one in criteria_of(opportunity.stage)],
        next_step_kept=step % 3 != 0,
        next_step=STEPS[(opportunity.pk + step) % len(STEPS)],
        next_step_due=max(at.date(), day),
    )


def _postpone(opportunity: Opportunity, owner: User, calendar: Calendar) -> None:
    """The same step, promised again for later."""
    due = opportunity.next_step_due
    with acting(actor=owner, via=VIA, at=calendar.ago(1, 17, 30)):
        opportunity.next_step_due = max(calendar.day(2), due + timedelta(days=7) if due else calendar.day(2))
        opportunity.save(update_fields=["next_step_due"])


def _sign(opportunity: Opportunity, sale: Sale, owner: User, calendar: Calendar) -> None:
    """The contract of an opportunity that is won: a year long, signed on the day, then invoiced and paid."""
    signed: date = calendar.today + timedelta(days=sale.close_in)
    at = calendar.ago(max(1, -sale.close_in * 5 // 7) + 1, 9, 30)
    starts = signed + timedelta(days=10)
    contract = create(
        Contract(
            account=opportunity.account,
            opportunity=opportunity,
            name=f"{opportunity.account.name} subscription",
            effective_date=starts,
            end_date=end_of_term(starts, 12),
            term_months=12,
            amount=opportunity.amount,
            hosts=opportunity.hosts,
        ),
        actor=owner,
        at=at,
        via=VIA,
    )
    move(contract, "sign", actor=owner, at=at, via=VIA, close_date=min(signed, at.date()), signing="signed")
    sent, paid = signed + timedelta(days=12), signed + timedelta(days=40)
    with acting(actor=owner, via=VIA, at=at):
        Invoice(
            contract=contract,
            number=f"{sent.year}-{contract.pk:04}",
            amount=contract.amount,
            sent_on=sent,
            paid_on=paid if paid < calendar.today else None,
        ).save()
