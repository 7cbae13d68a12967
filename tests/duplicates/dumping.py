"""The whole database as rows, to say that two states of it are the same; and records with everything around them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from accounts.models import Account, AccountDomain, Contact, DriChange, DriChangeStep
from contracts.models import ContactRole, Contract
from crm.activities.models import Activity, NextTouch, Suppression, Task
from crm.activities.suppressing import suppress
from crm.core.acting import acting
from crm.duplicates.merging import Merged, merge_records
from crm.duplicates.models import Pair
from crm.history.models import Transaction
from crm.history.revert import Reverted, revert
from crm.people.models import User
from crm.sync.models import ExternalId
from leads.models import Lead
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity

# What only grows: the change log and what is to be looked at; and the count of versions with the time of the last.
GROWS = ("history_", "django_", "enquiries_recheck")
COUNTED = ("version", "updated_at")


def dump() -> dict[str, list[str]]:
    """Every row of every table but the change log's, ids included, without the count of versions."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for table in sorted(connection.introspection.table_names(cursor)):
            if not table.startswith(GROWS):
                left_out = "".join(f" - '{name}'" for name in COUNTED)
                cursor.execute(f'SELECT (to_jsonb(t){left_out})::text FROM "{table}" t ORDER BY 1')
                found[table] = [row[0] for row in cursor.fetchall()]
    return found


def differences(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[str]:
    """Every row that is only in one of them."""
    return [
        f"{sign} {table} {row}"
        for table in sorted({*before, *after})
        for sign, mine, theirs in (("-", before, after), ("+", after, before))
        for row in mine.get(table, [])
        if row not in theirs.get(table, [])
    ]


def merge(survivor: Any, *others: Any, actor: User, at: datetime, **more: Any) -> Merged:
    """Merge as the shell would."""
    for record in (survivor, *others):
        record.refresh_from_db()
    return merge_records(survivor, others, actor=actor, at=at, via="test", **more)


def undo(merged: Merged, *, actor: User, at: datetime, reason: str = "") -> Reverted:
    """Undo that merge."""
    log = Transaction.objects.get(pk=merged.transaction_id)
    return revert(log, actor=actor, at=at, via="test", reason=reason)


def surround(record: Any, owner: User, number: int) -> None:
    """Give a lead, contact or account one of everything that can point at it."""
    name = str(record._meta.model_name)
    day = START.date() + timedelta(days=10 + number)
    with acting(actor=User.objects.system(), via="test", at=START):
        Activity.objects.create(by=owner, kind="call", outcome="connected", happened_at=START, **{name: record})
        Activity.objects.create(by=owner, kind="call", direction="in", happened_at=START, **{name: record})
        Task.objects.create(text=f"Ask {number}", due_on=day, owner=owner, made_by=owner, **{name: record})
        ExternalId.objects.create(object=name, system="salesforce", value=f"{name}{number}", record_id=record.pk)
        if isinstance(record, Lead):
            NextTouch.objects.create(lead=record, due_on=day, kind="call", text=f"Plan {number}")
        elif isinstance(record, Contact):
            sale = make_opportunity(contact=record)
            ContactRole.objects.create(opportunity=sale, contact=record, role="champion")
            Contact.objects.create(first_name="Rita", last_name=f"Report {number}", reports_to=record)
            if record.account is not None:
                DriChange.objects.create(
                    account=record.account, contact=record, started_at=START, started_by=owner, closed_at=START
                )
        elif isinstance(record, Account):
            AccountDomain.objects.create(account=record, domain=f"more{number}.example")
            make_contact(account=record, is_main_dri=True)
            make_opportunity(account=record)
            make_opportunity(reseller=record)
            Account.objects.create(name=f"Branch {number}", parent=record)
            Contract.objects.create(name=f"Terms {number}", account=record)
            change = DriChange.objects.create(
                account=record, contact=make_contact(account=record), started_at=START, started_by=owner
            )
            DriChangeStep.objects.create(change=change, key="x", done_at=START, done_by=owner)


def withhold(actor: User, at: datetime, *emails: str) -> Suppression:
    """Somebody asked not to be contacted at these addresses."""
    return suppress(actor=actor, at=at, via="test", reason="asked_us", emails=emails).suppressions[0]


def pair(one: Any, other: Any, **fields: Any) -> Pair:
    """An open pair of two of one kind."""
    lower, higher = sorted((one.pk, other.pk))
    values = {"why": {"email": ["x@y.example"]}, "exact": True, "found_at": START, **fields}
    return Pair.objects.create(object=one._meta.model_name, lower_id=lower, higher_id=higher, **values)


def two_leads(owner: User) -> tuple[Lead, Lead]:
    """Two leads of one person, each with everything around it, each knowing something that the other does not."""
    kept = {"Region": "West", "Seen": "1"}
    one = make_lead(owner=owner, first_name="Lea", last_name="Prospect", phone="", kept=kept, title="CTO")
    other = make_lead(
        owner=owner, first_name="Lea", last_name="Prospekt", phone="+1 555 214 7954", kept={"Seen": "2", "Tag": "x"}
    )
    surround(one, owner, 1)
    surround(other, owner, 2)
    return one, other


def two_accounts(owner: User) -> tuple[Account, Account]:
    """Two accounts of one company with everything around them."""
    one = make_account(owner=owner, name="Initech", website="https://initech.example", codename="")
    other = make_account(owner=owner, name="Initech, Inc.", website="https://initech.test", tier="")
    surround(one, owner, 1)
    surround(other, owner, 2)
    return one, other


def two_contacts(owner: User) -> tuple[Contact, Contact]:
    """Two contacts of one person in one account with everything around them."""
    account = make_account(owner=owner)
    one = make_contact(owner=owner, account=account, mailing_city="Berlin")
    other = make_contact(
        owner=owner,
        account=account,
        is_main_dri=True,
        mailing_city="Bern",
        mailing_street="Gasse 1",
        mobile="+4930123456",
    )
    surround(one, owner, 1)
    surround(other, owner, 2)
    return one, other


def today() -> date:
    """The day the tests begin."""
    return START.date()
