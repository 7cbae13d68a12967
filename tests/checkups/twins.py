"""A small random world of records, and whether a rule says the same of it in SQL and in plain Python.

`build_world(seed)` stores records of every kind that the data rules look at: some as they should be, some not, at
times around now. A rule that looks at something which is not in it adds that here. `compare(part, ...)` names every
record of which the two halves of a `Rows` say different things.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.db import models
from django.utils import timezone

from accounts.models import Account, AccountDomain, Contact
from contracts.models import Contract, Invoice, Opportunity
from contracts.signing import ContractStatus
from contracts.stages import every_criterion, stage_keys
from crm import handbook
from crm.activities.models import Activity, NextTouch, Suppression, Task
from crm.checkups.rules import Rows
from crm.core.acting import acting
from crm.core.door import create, move
from crm.duplicates.models import ACROSS, Pair
from crm.people.models import User
from leads.models import Known, Lead
from leads.statuses import OPEN, Status
from tests.checkups.twins_setup import build_enquiries, build_setup
from tests.factories import make_user

# Names, addresses and numbers of this world's people. No rule writes any into what it says of a record: erasing a
# person would not reach it there.
PERSONAL = re.compile(r"zelda|quuxley|@|651|desk", re.IGNORECASE)
PEOPLE = (
    "",
    "https://www.linkedin.com/in/zelda-quux",
    "linkedin.com/in/zelda-quux/",
    "https://de.linkedin.com/pub/zelda-quux/1/2",
    "https://www.linkedin.com/sales/lead/ACw,NAME",
    "HTTP://LinkedIn.com/IN/zelda-quux?trk=a/b",
)
COMPANIES = (
    "",
    "https://www.linkedin.com/company/quux",
    "https://linkedin.com/school/quux-u",
    "www.linkedin.com/company/1",
)
SALES = ("", "https://www.linkedin.com/sales/company/17", "https://www.linkedin.com/sales/lead/ACw,NAME")
ELSEWHERE = ("https://www.linkedin.com/", "https://quux.example/in/zelda", "linkedin", "https://www.linkedin.com/in/")
CURRENCIES = ("USD", "USD", "EUR", "JPY", "usd", "")
PHONES = ("", "", "+1 415 651 2575", "(415) 651-2575", "call the desk", "123")


class World:
    """What has been made so far, and a source of chance that is the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = timezone.now()
        self.today = handbook.current().today(self.now)
        self.system = User.objects.system()
        self.people: list[User] = [
            make_user("quincy", role="sdr"),
            make_user("querida", role="ae"),
            make_user("quitter", role="sdr", is_active=False),
        ]
        self.accounts: list[Account] = []
        self.contacts: list[Contact] = []
        self.leads: list[Lead] = []
        self.contracts: list[Contract] = []
        self.opportunities: list[Opportunity] = []

    def any(self, *values: Any) -> Any:
        """One of these."""
        return self.chance.choice(values)

    def often(self, value: Any, other: Any = "") -> Any:
        """The first three times out of four."""
        return value if self.chance.random() < 0.75 else other

    def key(self, path: str) -> str:
        """A word of one of the handbook's lists, or none."""
        return str(self.any("", *(key for key, _ in handbook.current().choices(path))))

    def owner(self) -> User | None:
        """Somebody here, somebody who left, or nobody."""
        return self.any(None, *self.people)  # type: ignore[no-any-return]

    def moment(self, before: int = 90, after: int = 0) -> Any:
        """A time so many days around now."""
        return self.now + timedelta(hours=self.chance.randint(-24 * before, 24 * after))

    def day(self, before: int = 90, after: int = 30) -> date:
        """A day so many days around today."""
        return self.today + timedelta(days=self.chance.randint(-before, after))


def build_world(seed: int) -> World:
    """Store a world; the same seed makes the same one."""
    world = World(seed)
    for build in BUILDERS:
        # Each has a chance of its own: what one makes more or less of changes nothing for the others.
        world.chance = random.Random(f"{seed} {build.__name__}")
        with acting(actor=world.system, via="test", at=world.now - timedelta(days=100)):
            build(world)
    return world


def _accounts(world: World) -> None:
    types = ("", "customer", "former_customer", "prospect", "partner")
    for n in range(40):
        account = Account.objects.create(
            name=f"Quux {n}",
            type=world.any(*types),
            website=world.any("", f"https://quux{n}.example", f"https://shop.quux{n}.example", "https://gmail.com"),
            linkedin_url=world.any(*COMPANIES, *COMPANIES, *ELSEWHERE, PEOPLE[1]),
            sales_navigator_url=world.any(*SALES, *SALES, *ELSEWHERE, COMPANIES[1]),
            phone=world.any(*PHONES),
            industry=world.any("", "banking"),
            employees=world.any(None, 20, 700),
            owner=world.owner(),
            billing_street=world.any("", "1 Main Street"),
            billing_city=world.any("", "Austin"),
            tier=world.key("account.tiers"),
            license_key=world.any("", "LICENSE"),
            payment_terms=world.key("contract.payment_terms"),
        )
        for part in range(world.any(0, 0, 1, 2)):
            AccountDomain.objects.create(account=account, domain=f"mail{part}.quux{n}.example")
        world.accounts.append(account)
    for domain in ("gmx.de", "yahoo.com"):
        AccountDomain.objects.create(account=world.any(*world.accounts), domain=domain)


def _contacts(world: World) -> None:
    for n in range(40):
        world.contacts.append(
            Contact.objects.create(
                first_name="Zelda",
                last_name=f"Quuxley {n}",
                email=f"zelda{n}@quux.example",
                account=world.often(world.any(*world.accounts), None),
                owner=world.owner(),
                linkedin_url=world.any(*PEOPLE, *PEOPLE, *ELSEWHERE, COMPANIES[1]),
                phone=world.any(*PHONES),
                mobile=world.any(*PHONES),
            )
        )


def _opportunities(world: World) -> None:
    criteria = [key for key, _ in every_criterion()]
    stages = [key for kind in ("open", "won", "lost") for key in stage_keys(kind)]
    for n in range(60):
        opportunity = Opportunity(
            name=world.any(f"Quux {n} 2026", f"Quux {n}", f"Quux 12026{n}"),
            account=world.any(*world.accounts),
            owner=world.owner(),
            type=world.key("opportunity.types"),
            amount=world.any(None, 0, 1000),
            close_on=world.any(None, world.day()),
            next_step=world.any("", "Send the contract"),
            next_step_due=world.any(None, world.day()),
            lost_reason=world.key("opportunity.lost_reasons"),
            criteria_met=world.chance.sample(criteria, world.any(0, len(criteria) // 2, len(criteria))),
            effective_on=world.any(None, world.day(30, 0)),
            ends_on=world.any(None, world.day(0, 400) + timedelta(days=1)),
            currency=world.any(*CURRENCIES),
            contact=world.any(None, *world.contacts),
            reseller=world.often(None, world.any(*world.accounts)),
        )
        _stored(world, opportunity, world.any(*stages), days=world.any(100, 10))
        world.opportunities.append(opportunity)


def _contracts(world: World) -> None:
    for n in range(60):
        starts = world.any(None, world.day(500, 30))
        ends = starts and world.any(None, starts + timedelta(days=world.any(1, 100, 365, 480)))
        status = world.any(*ContractStatus.values)
        over = status == ContractStatus.TERMINATED and starts
        contract = Contract(
            name=f"Quux agreement {n}",
            account=world.any(*world.accounts),
            opportunity=world.any(None, *world.opportunities),
            effective_date=starts,
            end_date=ends,
            close_date=world.any(None, world.day(500, 10)),
            terminated_on=starts + timedelta(days=world.any(0, 50, 600))
            if over and world.any(True, True, False)
            else None,
            amount=world.any(None, 0, 1000),
            currency=world.any(*CURRENCIES),
            reseller=world.often(None, world.any(*world.accounts)),
            signing=world.any("", "signed"),
            payment_terms=world.key("contract.payment_terms"),
            auto_renew=world.any(True, False),
        )
        _stored(world, contract, status)
        world.contracts.append(contract)
        for _ in range(world.any(0, 1, 2)):
            sent = world.any(None, world.day(400, 0))
            paid = sent and world.any(None, sent + timedelta(days=20))
            Invoice.objects.create(contract=contract, sent_on=sent, paid_on=paid, amount=world.any(None, 500))


def _renewals(world: World) -> None:
    for opportunity in world.opportunities:
        for name in ("renews", "amends"):
            if world.often(False, True):
                setattr(opportunity, name, world.any(*world.contracts))
                opportunity.save(update_fields=[name])


def _rewritten(world: World) -> None:
    """What was promised in words that changed; every other one before it came to its stage."""
    for n, opportunity in enumerate(world.opportunities):
        ended = opportunity.stage_since + timedelta(days=1 - n % 2)
        for _ in range(world.any(0, 3, 5)):
            opportunity.next_steps.create(text="Call them", made_at=ended, ended_at=ended, outcome="rewritten")


def _leads(world: World) -> None:
    for n in range(120):
        status = world.any(*Status.values)
        lead = Lead(
            first_name="Zelda",
            last_name=f"Quuxley {n}",
            email=f"zelda{n}@quux{n % 40}.example",
            second_email=world.often("", f"zelda{n}@mail.example"),
            phone=world.any(*PHONES),
            mobile=world.any(*PHONES),
            linkedin_url=world.any(*PEOPLE, *PEOPLE, *ELSEWHERE, COMPANIES[1]),
            street=world.often("", "1 Main Street"),
            employees=world.any(None, 20, 700),
            owner=world.owner(),
            meeting_at=world.any(None, world.moment(20, 20)),
            meeting_outcome=world.often("", "held"),
            nurture_reason=world.any("", "no_budget"),
            come_back_on=world.any(None, world.day(90, 60)),
            lead_source=world.key("lead.sources"),
            **{name: world.any(*Known.values) for name in ("budget", "authority", "need", "timing")},
        )
        since = world.moment(100)
        if status == Status.SAO_CONVERTED:
            lead.converted_account, lead.converted_at = world.any(*world.accounts), since
        create(lead, actor=world.system, at=since, via="test", state=status)
        if status in OPEN and world.often(False, True):
            # Moved on by somebody, whom the guard asked.
            at = since + timedelta(hours=1)
            move(lead, "nurture", actor=world.system, at=at, via="test", nurture_reason="no_budget")
            Lead.objects.filter(pk=lead.pk).update(nurture_reason=world.any("", "no_budget"))
        world.leads.append(lead)


def _touches(world: World) -> None:
    outcomes = ("", "replied", "connected", "held", "no_answer")
    for lead in world.leads:
        if world.often(False, True):
            NextTouch.objects.create(lead=lead, kind="call", due_on=world.day(20, 20))
        for _ in range(world.any(0, 0, 1, 2)):
            kind = world.any("meeting", "call", "email")
            Activity.objects.create(
                lead=lead, kind=kind, outcome=world.any(*outcomes), happened_at=world.moment(30, 5), by=world.system
            )
    for one in world.contacts:
        if world.often(False, True):
            outcome = world.any(*outcomes)
            Activity.objects.create(
                contact=one, kind="meeting", outcome=outcome, happened_at=world.moment(30, 5), by=world.system
            )


def _tasks(world: World) -> None:
    for n in range(50):
        about: dict[str, Any] = world.any(
            {"lead": world.any(*world.leads)},
            {"contact": world.any(*world.contacts)},
            {"opportunity": world.any(*world.opportunities)},
        )
        done = world.often({}, {"done_at": world.moment(), "done_by": world.system})
        Task.objects.create(text=f"Task {n}", owner=world.any(*world.people), due_on=world.day(), **about, **done)


def _pairs(world: World) -> None:
    for n in range(10):
        state = world.any(*Pair.State.values)
        made: dict[str, list[Any]] = {"lead": world.leads, "contact": world.contacts, "account": world.accounts}
        kind = world.any(*made)
        one, other = made[kind][n].pk, made[kind][n + 10].pk
        why = world.any({"email": ["zelda@quux.example"]}, {"phone": ["+1415"], "linkedin": ["in/zelda-quux"]})
        Pair.objects.create(object=kind, lower_id=one, higher_id=other, why=why, found_at=world.now, state=state)
    across = {"lower_id": world.leads[0].pk, "higher_id": world.contacts[0].pk}
    Pair.objects.create(object=ACROSS, why={"email": ["zelda@quux.example"]}, found_at=world.now, **across)


def _suppressions(world: World) -> None:
    for lead in world.leads:
        if lead.status == Status.CLOSED_DO_NOT_CONTACT and world.any(True, False):
            suppression = Suppression.objects.create(
                reason="asked_us", scope="person", since=world.now, by=world.system, closed_lead=world.any(lead, None)
            )
            suppression.keys.create(kind="email", value=lead.email, key=lead.email)


def _stored(world: World, record: Any, state: str, *, days: int = 100) -> None:
    create(record, actor=world.system, at=world.now - timedelta(days=days), via="test", state=state)


# In this order: what is made later points at what was made before.
BUILDERS: tuple[Callable[[World], None], ...] = (
    _accounts,
    _contacts,
    _opportunities,
    _contracts,
    _renewals,
    _rewritten,
    _leads,
    _touches,
    _tasks,
    _pairs,
    _suppressions,
    build_setup,
    build_enquiries,
)


class Shelf:
    """The records of each kind with all that points at them, read once for all rules."""

    def __init__(self) -> None:
        self.read: dict[type[models.Model], list[Any]] = {}

    def of(self, kind: type[models.Model]) -> Sequence[Any]:
        """Every record of a kind."""
        if kind not in self.read:
            related = [name for one in kind._meta.related_objects if (name := one.get_accessor_name())]
            self.read[kind] = list(kind._base_manager.order_by("pk").prefetch_related(*related))
        return self.read[kind]


@dataclass
class Compared:
    """What both halves of a `Rows` said: of how many records that they are right and wrong, and where they disagree."""

    right: int = 0
    wrong: int = 0
    differences: list[str] = field(default_factory=list)


def compare(part: Rows, shelf: Shelf) -> Compared:
    """Ask both halves of a `Rows` about every record there is, and hold what it says of them against the rules."""
    if part.applies is None or part.means is None:
        return Compared(differences=["has no plain Python (applies, means)"])
    among = set(part.among.values_list("pk", flat=True))
    rows = list(part.found_rows.values_list("pk", flat=True))
    found = set(rows)
    compared = Compared(len(among - found), len(found))
    if len(rows) != len(found):
        compared.differences.append("finds a record more than once: narrow by Exists, not by a join")
    for record in shelf.of(part.among.model):
        applies = bool(part.applies(record))
        wrong = applies and bool(part.means(record))
        told: list[str] = []
        if applies != (record.pk in among):
            told.append(f"looked at in {'Python' if applies else 'SQL'} only")
        elif wrong != (record.pk in found):
            told.append(f"wrong in {'Python' if wrong else 'SQL'} only")
        elif wrong:
            told += _told(part, record)
        here = f"{record._meta.model_name} {record.pk}, detail {part.detail!r}"
        compared.differences += [f"{here}: {said}" for said in told]
    return compared


def _told(part: Rows, record: Any) -> Iterator[str]:
    expected, found = (text if isinstance(text, str) else text(record) for text in (part.expected, part.found))
    if not expected or not found:
        yield "says nothing"
    texts = [expected, found, *(text for _, text in (part.evidence(record) if part.evidence else ()))]
    yield from (f"tells of a person: {text}" for text in texts if PERSONAL.search(text))
