"""The data rules about accounts, contacts, customers and duplicates: what each finds and what it leaves alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.checkups import domain_of
from accounts.models import Account, AccountDomain
from contracts.models import Contract, Invoice
from contracts.signing import ContractStatus
from crm.checkups.looking import look_at
from crm.checkups.rules import Look, rule_of
from crm.core.acting import acting
from crm.core.door import create
from crm.core.linkedin import PERSON, SHAPES, leads_to
from crm.duplicates.models import Pair
from crm.handbook import current
from crm.people.models import User
from tests.checkups.seeing import seen
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity

pytestmark = pytest.mark.django_db


@pytest.fixture
def at() -> datetime:
    """Tomorrow."""
    return timezone.now() + timedelta(days=1)


def test_a_contact_of_no_company_is_found(at: datetime) -> None:
    alone = make_contact(account=None)
    make_contact(account=make_account())
    assert seen("data.contact_without_account", at) == {(alone, "")}


def test_links_and_numbers_that_lead_nowhere_are_found(at: datetime) -> None:
    person, company = "https://www.linkedin.com/in/cora", "https://www.linkedin.com/company/initech"
    sales = "https://www.linkedin.com/sales/company/17"
    cora = make_contact(linkedin_url=company, phone="+1 415 651 2575", mobile="at the desk")
    make_contact(linkedin_url=person, phone="", mobile="+44 20 7946 0958")
    initech = make_account(linkedin_url=person, sales_navigator_url=company, phone="none")
    make_account(linkedin_url=company, sales_navigator_url=sales, phone="(415) 651-2575")
    make_account(linkedin_url="linkedin.com/school/initech")
    assert seen("data.contact_linkedin", at) == {(cora, "linkedin_url")}
    assert seen("data.contact_phone", at) == {(cora, "mobile")}
    assert seen("data.account_linkedin", at) == {(initech, "linkedin_url"), (initech, "sales_navigator_url")}
    assert seen("data.account_phone", at) == {(initech, "phone")}


def test_postgresql_and_python_read_an_address_alike() -> None:
    addresses = [
        "https://www.linkedin.com/in/lea",
        "HTTPS://LinkedIn.com/IN/Lea",
        "linkedin.com//in//lea",
        "https://linkedin.com.:443/pub/lea/1/2",
        "https://me@linkedin.com/in/lea",
        "https://linkedin.com@evil.example/in/lea",
        "https://linkedin.com?next=/in/lea",
        "https://linkedin.com/in/?lea",
        "https://linkedin.com/in/lea haddad",
        "https://linkedin.com/in/lea\nx",
        "https://linkedin.com/in/léa",
        "https://l\u0131nkedin.com/in/lea",
        "https://linkedin.com/\u017fales/lead/lea",
        "ftp://linkedin.com/in/lea",
        "https://notlinkedin.com/in/lea",
        "https://linkedin.com/sales/lead/,NAME",
        "https://linkedin.com/sales/people/ACw,NAME",
        "https://linkedin.com/in/lea?next=https://x.example",
    ]
    with connection.cursor() as cursor:
        for kind, shape in SHAPES.items():
            cursor.execute("SELECT a FROM unnest(%s::text[]) AS u(a) WHERE a ~* %s", [addresses, shape])
            assert {row[0] for row in cursor.fetchall()} == {one for one in addresses if kind in leads_to(one)}, kind
    assert [one for one in addresses if PERSON in leads_to(one)] == [
        *addresses[:5],
        "https://linkedin.com/in/léa",
        *addresses[-2:],
    ]


def test_an_account_with_the_domain_of_a_mail_provider_is_found(at: datetime) -> None:
    site, other = make_account(website="https://www.GMail.com/us"), make_account(website="https://initech.example")
    make_account(website="https://gmail.com.initech.example")
    with acting(actor=User.objects.system(), via="test", at=START):
        for domain in ("initech.example", "gmx.de"):
            AccountDomain.objects.create(account=other, domain=domain)
    assert seen("data.account_domain", at) == {(site, "website"), (other, "domains")}
    for account in Account.objects.all():
        assert domain_of(account.website) == account.domain_key


FACTS: dict[str, Any] = {
    "billing_city": "Austin",
    "payment_terms": "net_30",
    "license_key": "KEY",
    "industry": "banking",
    "linkedin_url": "https://www.linkedin.com/company/initech",
    "employees": 20,
}
MISSING = {"billing_address", *FACTS} - {"billing_city"}


def contract(account: Account, status: str, today: Any, days: tuple[int, int | None], sent: bool = True) -> Contract:
    """A contract of an account, its first and last day counted from today."""
    ends = None if days[1] is None else today + timedelta(days=days[1])
    made = Contract(name="Terms", account=account, effective_date=today + timedelta(days=days[0]), end_date=ends)
    create(made, actor=User.objects.system(), at=START, via="test", state=status)
    with acting(actor=User.objects.system(), via="test", at=START):
        Invoice.objects.create(contract=made, sent_on=today if sent else None)
    return made


def test_a_customer_without_what_it_takes_to_bill_and_renew_is_found(at: datetime) -> None:
    today = current().today(at)
    bare = make_account()
    contract(bare, ContractStatus.ACTIVE, today, (-10, None), sent=False)
    whole = make_account(**FACTS)
    contract(whole, ContractStatus.SIGNED, today, (-10, 300))
    # In the days of grace while its renewal is open.
    renewing = make_account(**FACTS | {"license_key": ""})
    old = contract(renewing, ContractStatus.EXPIRED, today, (-300, -5))
    make_opportunity(account=renewing, renews=old, stage="meeting_set")
    stated = make_account(type="customer", **FACTS)
    for others in ({"type": "partner"}, {}, {"type": "prospect"}):
        contract(make_account(**others), ContractStatus.DRAFT, today, (-10, 300))
    contract(make_account(type="customer"), ContractStatus.EXPIRED, today, (-300, -5))
    partner = make_account(type="partner")
    contract(partner, ContractStatus.ACTIVE, today, (-10, 300))
    assert seen("data.customer_facts", at) == {
        *((bare, name) for name in {*MISSING, "invoice_sent", "subscription_end"}),
        (renewing, "license_key"),
        *((stated, name) for name in ("invoice_sent", "subscription_end")),
    }


def test_likely_duplicates_that_nobody_answered_are_found_without_what_names_them(at: datetime) -> None:
    one, other, third = (make_lead() for _ in range(3))
    why = {"email": [one.email], "linkedin": ["in/lea"]}
    with acting(actor=User.objects.system(), via="test", at=START):
        told = {"object": "lead", "why": why, "found_at": at}
        waits = Pair.objects.create(lower_id=one.pk, higher_id=other.pk, **told)
        Pair.objects.create(lower_id=one.pk, higher_id=third.pk, state=Pair.State.DISMISSED, **told)
    assert seen("data.duplicates", at) == {(waits, "")}
    rule = rule_of("data.duplicates")
    assert rule is not None
    [sight] = look_at(rule, Look(at, current())).sights
    assert sight.found == "Nobody has looked at them: same email, same LinkedIn URL"
