"""Writers of every kind on the same records, each in a thread of its own, each by the door that its users have."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import psycopg
from django.db import IntegrityError, OperationalError, connection, models
from django.test import Client
from django.urls import reverse

from accounts.models import Account, Contact
from contracts.models import ContactRole, Invoice
from crm.activities.models import Task
from crm.core.acting import acting
from crm.core.errors import Refused
from crm.duplicates.merging import merge_records
from crm.history.models import Transaction
from crm.history.revert import revert
from crm.people.models import User
from crm.privacy.erasing import erase_person
from crm.sync.store import upsert
from leads.models import Lead
from tests.access import client_of
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity
from tests.imports.csv.using import bring
from tests.keys import Program, make_key
from tests.leads.converting import convert, ready
from tests.races import in_thread, second_connection
from tests.samples import make_contract, make_task

Writer = Callable[["World", random.Random], bool]
WRITERS: dict[str, Writer] = {}
# What a writer may meet among others: somebody was quicker, or the database chose it as a deadlock's victim.
BEATEN = (
    Refused,
    OperationalError,
    IntegrityError,
    models.ObjectDoesNotExist,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.ForeignKeyViolation,
)


@dataclass
class World:
    """Who writes, when, and how much of it was written: by writer, the calls that stored something."""

    people: dict[str, User]
    now: datetime
    key: str = ""
    done: threading.Event = field(default_factory=threading.Event)
    turns: count[int] = field(default_factory=count)
    written: Counter[str] = field(default_factory=Counter)
    beaten: Counter[str] = field(default_factory=Counter)
    browser: Client = field(default_factory=Client)

    def begin(self) -> World:
        """Make what everybody writes to, a key that may do everything, and a browser that is logged in."""
        self.key, self.browser = make_key(self.people["root"]), client_of(self.people["root"])
        for _ in range(6):
            account = make_account(owner=self.people["ann"])
            make_contact(account=account, owner=self.people["ann"])
            make_lead(owner=self.people["alice"])
        sale = make_opportunity(account=account, owner=self.people["ann"])
        make_task(self.people["ann"])
        contract, contact = make_contract(self.people["ann"]), make_contact(account=account)
        role = {"opportunity_id": sale.pk, "contact_id": contact.pk, "role": "champion"}
        assert sent(self, "POST", "contact_roles/", role)
        assert sent(self, "POST", "invoices/", {"contract_id": contract.pk, "number": "1"})
        return self

    def some(self, kind: type[models.Model], draw: random.Random) -> Any:
        """One record of a kind, any."""
        ids = list(kind._base_manager.order_by("pk").values_list("pk", flat=True))
        return kind._base_manager.get(pk=draw.choice(ids or [0]))

    def write(self, name: str, seed: int) -> None:
        """One writer's work until all are told to stop."""
        draw = random.Random(f"{name} {seed}")
        while not self.done.is_set():
            try:
                self.written[name] += WRITERS[name](self, draw)
            except BEATEN:
                self.beaten[name] += 1
            # Others are to have a turn, those who follow among them.
            self.done.wait(draw.uniform(0.1, 0.4))

    def start(self, pool: ThreadPoolExecutor, seed: int) -> list[Future[None]]:
        """Let one writer of each kind begin."""
        return [in_thread(pool, partial(self.write, name, seed)) for name in WRITERS]


def writer(write: Writer) -> Writer:
    """Register a kind of writer: it writes once, and says whether it did."""
    WRITERS[write.__name__.removeprefix("by_")] = write
    return write


def word(draw: random.Random) -> str:
    """Some text, with what is easily spoilt on the way."""
    return draw.choice(["plain", "Zürich “5 %”", "two\nlines", '{"a": [1]}', "😀", "a,b;c", ""]) + str(draw.random())


def sent(world: World, method: str, path: str, body: Any = None, **headers: str) -> bool:
    """A request of the API: whether it was done. What anybody may meet among others is no error."""
    answer = Program(world.key)(method, path, body, **headers)
    assert answer.status_code < 500 or answer.status_code == 503, answer.content
    if answer.status_code == 400:
        # What it belongs to is gone meanwhile; every other mistake would be the writer's own.
        assert {error["code"] for error in answer.json()["errors"]} == {"invalid_choice"}, (path, answer.content)
    assert answer.status_code not in (401, 403, 405), (method, path, body, answer.content)
    return bool(answer.status_code in (200, 201, 204))


@writer
def by_api(world: World, draw: random.Random) -> bool:
    """Some requests: in turn, one of each object that is followed."""
    account, about = world.some(Account, draw), draw.choice(["lead", "contact"])
    person = world.some(Lead if about == "lead" else Contact, draw)
    noon, role = world.now.isoformat(), world.some(ContactRole, draw)
    number = draw.randrange(10**9)
    requests: list[tuple[str, str, Any]] = [
        ("POST", "accounts/", {"name": f"New {number}", "domains": [f"new{number}.example"]}),
        ("PATCH", f"accounts/{account.pk}/", {"description": word(draw), "employees": number}),
        ("POST", "contacts/", {"last_name": word(draw), "account_id": account.pk}),
        ("POST", "leads/", {"last_name": word(draw), "company": "Globex", "email": f"a{number}@globex.example"}),
        ("PATCH", f"{about}s/{person.pk}/", {"job_title": word(draw)}),
        ("POST", "tasks/", {"text": word(draw), "account_id": account.pk}),
        ("POST", "activities/", {"kind": "note", "happened_at": noon, "text": word(draw), f"{about}_id": person.pk}),
        ("POST", "opportunities/", {"name": f"{number} 2026", "account_id": account.pk, "amount": "1200.50"}),
        ("POST", "contracts/", {"name": word(draw), "account_id": account.pk}),
        ("POST", "enquiries/", {"channel": "contact_form", "email": f"e{number}@hooli.example", "text": word(draw)}),
        ("PATCH", f"users/{world.people['bob'].pk}/", {"last_name": word(draw)}),
        ("PATCH", f"contact_roles/{role.pk}/", {"is_primary": not role.is_primary}),
        ("PATCH", f"invoices/{world.some(Invoice, draw).pk}/", {"number": str(number)}),
    ]
    return sum(sent(world, *requests[next(world.turns) % len(requests)]) for _ in range(3)) > 0


@writer
def by_bulk(world: World, draw: random.Random) -> bool:
    """Many rows in one request, made, changed and deleted, some of which are refused."""
    operation = draw.choice(["upsert", "upsert", "create", "update", "delete"])
    account = world.some(Account, draw)
    rows: list[dict[str, Any]] = [{"name": f"Of a batch {draw.random()}", "employees": n} for n in range(6)]
    if operation == "upsert":
        rows = [{"external_id": f"B{draw.randrange(30)}", **row} for row in rows] + [{"external_id": "none"}]
    elif operation == "update":
        rows = [{"id": account.pk, "description": word(draw)}, {"id": 10**9, "name": "Nobody's"}]
    elif operation == "delete":
        rows = [{"external_id": f"B{draw.randrange(30)}"} for _ in range(2)]
    query = f"operation={operation}&system=hubspot" if operation in ("upsert", "delete") else f"operation={operation}"
    answer = Program(world.key)("POST", f"accounts/bulk/?{query}", rows)
    assert answer.status_code in (200, 503), answer.content
    told = answer.json()
    return answer.status_code == 200 and bool(told["created"] + told["updated"] + told["deleted"])


@writer
def by_id_elsewhere(world: World, draw: random.Random) -> bool:
    """A record by another system's id: put, changed, or deleted."""
    path = f"contacts/by/hubspot/C{draw.randrange(12)}/"
    method = draw.choice(["PUT", "PUT", "PATCH", "DELETE"])
    return sent(world, method, path, {"last_name": word(draw)} if method != "DELETE" else None)


@writer
def by_admin(world: World, draw: random.Random) -> bool:
    """A form of the admin, as a browser shows it and posts it."""
    record = world.some(draw.choice([Account, Contact]), draw)
    address = reverse(f"admin:accounts_{record._meta.model_name}_change", args=[record.pk])
    browser = Client()
    browser.cookies.update(world.browser.cookies)
    shown = browser.get(address)
    if shown.status_code != 200:
        return False
    form = shown.context["adminform"].form
    posted = {name: form[name].value() for name in form.fields}
    posted |= {"version": shown.context["opened_version"], "description": word(draw)}
    answer = browser.post(address, {name: "" if value is None else value for name, value in posted.items()})
    # Where somebody was quicker, the page is shown again; a record that is gone is not there.
    return answer.status_code == 302


@writer
def by_import(world: World, draw: random.Random) -> bool:
    """A small file of leads: some are new, some are known from another one. Or a slice of another system's, with its
    own times of change."""
    if draw.random() < 0.5:
        with acting(actor=world.people["root"], via="import", at=world.now):
            written = world.now - timedelta(days=draw.randrange(400))
            rows = [(f"00Q{n}", f"Sliced {draw.random()}", f"s{n}@slice.example", written) for n in range(8)]
            columns = ["last_name", "email", "updated_at"]
            return bool(list(upsert(Lead, system="salesforce", columns=columns, rows=rows)))
    lines = [f"i{draw.randrange(40)}@file.example,Ida,{draw.choice('abcdef')}{n},Filed" for n in range(3)]
    bring("Email,First Name,Last Name,Company\n" + "\n".join(lines) + "\n", "lead", world.people["root"])
    return True


@writer
def by_sql(world: World, draw: random.Random) -> bool:
    """Statements of somebody with a database shell."""
    account = world.some(Account, draw)
    with second_connection() as session:
        session.execute("UPDATE accounts_account SET description = %s WHERE id = %s", [word(draw), account.pk])
        session.execute("UPDATE leads_lead SET description = %s WHERE id %% 3 = 1", [word(draw)])
        session.commit() if draw.random() < 0.8 else session.rollback()
    return True


@writer
def by_late_commit(world: World, draw: random.Random) -> bool:
    """A transaction that has written long before it commits: what a cursor on anything drawn while writing loses."""
    with second_connection() as session:
        session.execute(
            "INSERT INTO activities_task (version, text, kind, kept, account_id, owner_id, made_by_id)"
            " SELECT 1, %s, '', '{}', max(id), %s, %s FROM accounts_account",
            [word(draw), world.people["ann"].pk, world.people["ann"].pk],
        )
        time.sleep(draw.uniform(0.02, 0.15))
        session.commit()
    return True


@writer
def by_merge(world: World, draw: random.Random) -> bool:
    """Two of a kind become one."""
    makers: list[Callable[..., Any]] = [make_lead, make_contact, make_account]
    make = draw.choice(makers)
    one, other = make(), make()
    merge_records(one, [other], actor=world.people["root"], at=world.now, via="admin")
    return True


@writer
def by_conversion(world: World, draw: random.Random) -> bool:
    """A lead becomes an account, a contact and an opportunity."""
    lead = ready(owner=world.people["alice"], company=f"Company {draw.randrange(10**9)}")
    convert(lead, world.people["alice"], world.now, opportunity_owner=world.people["ann"])
    return True


@writer
def by_delete(world: World, draw: random.Random) -> bool:
    """Records go: one by the API, many by a statement."""
    if draw.random() < 0.5:
        return sent(world, "DELETE", f"tasks/{world.some(Task, draw).pk}/")
    with acting(actor=world.people["root"], via="command", at=world.now):
        made = [Account(name=f"Short-lived {n}") for n in range(3)]
        Account.objects.bulk_create(made)
    with acting(actor=world.people["root"], via="command", at=world.now):
        return bool(Account.objects.filter(pk__in=[one.pk for one in made]).delete()[0])


@writer
def by_revert(world: World, draw: random.Random) -> bool:
    """What somebody did is taken back: a deletion too, after which the record has its id again."""
    root, account = world.people["root"], make_account(name=word(draw) or "Gone")
    with acting(actor=root, via="admin", at=world.now):
        Account.objects.filter(pk=account.pk).update(name="Changed", employees=7)
        transaction = current_row()
    if draw.random() < 0.5:
        with acting(actor=root, via="admin", at=world.now):
            Account.objects.filter(pk=account.pk).delete()
            transaction = current_row()
    done = revert(transaction, actor=root, at=world.now, via="admin", reason="By mistake")
    return bool(done.put_back)


def current_row() -> Transaction:
    """The change log's row of the transaction that this is in."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT history_transaction()")
        return Transaction.objects.get(pk=cursor.fetchone()[0])


@writer
def by_erasure(world: World, draw: random.Random) -> bool:
    """A person is erased, everywhere."""
    name = f"Quill{draw.randrange(10**9)}"
    lead = make_lead(first_name="Zdenka", last_name=name, email=f"{name}@quill.example", company=f"Of {name}")
    with acting(actor=world.people["alice"], via="admin", at=START):
        Lead.objects.filter(pk=lead.pk).update(description=f"{name} called")
    erase_person(lead=lead, reason="They asked", actor=world.people["root"], at=world.now, via="admin")
    return True
