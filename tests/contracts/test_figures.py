"""The figures of an account (C6): always what contracts, invoices and opportunities come to."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Account
from contracts.figures import MOST, Figures, figures_for, figures_of
from contracts.terms import amount_served
from crm import handbook
from crm.core.door import move
from crm.core.errors import Refused
from crm.people.models import User
from crm.workspace.fields import find
from tests.contracts.making import DAY, TODAY, make_contract, make_invoice
from tests.factories import make_account, make_opportunity

pytestmark = pytest.mark.django_db


def figures(account: Account, at: datetime) -> Figures:
    return figures_of([account.pk], at)[account.pk]


def test_an_account_without_anything_has_none(now: datetime) -> None:
    found = figures(make_account(), now)
    assert found == Figures(revenue=Decimal(0), currency="USD")
    assert found.cumulative_revenue == Decimal(0)


def test_the_latest_days_count(now: datetime) -> None:
    account = make_account()
    old = make_contract(status="expired", account=account)
    new = make_contract(status="active", account=account)
    make_contract(account=account, end_date=date(2030, 1, 1))  # a draft says nothing
    make_invoice(old, sent_on=date(2025, 1, 5), paid_on=date(2025, 2, 1))
    make_invoice(new, sent_on=date(2026, 1, 5))
    found = figures(account, now)
    assert (found.invoice_sent, found.payment_received) == (date(2026, 1, 5), date(2025, 2, 1))
    assert (found.subscription_end, found.first_close) == (date(2026, 12, 31), date(2024, 12, 1))


def test_opportunities_are_counted_and_the_won_ones(now: datetime) -> None:
    account = make_account()
    for stage in ("discovery", "closed_won", "closed_won", "closed_lost"):
        make_opportunity(account=account, stage=stage, close_on=date(2023, 5, 5))
    make_opportunity(stage="closed_won")
    found = figures(account, now)
    assert (found.total_opportunities, found.deals_won, found.first_close) == (4, 2, date(2023, 5, 5))


@pytest.mark.parametrize(
    ("status", "fields", "hosts"),
    [
        ("active", {}, 100),
        ("signed", {"effective_date": TODAY}, 100),  # nobody has activated it yet, and it runs
        ("active", {"end_date": TODAY}, 100),
        ("active", {"end_date": TODAY - DAY}, 0),  # nobody has ended it yet, and it is over
        ("signed", {}, 0),
        ("expired", {}, 0),
        ("terminated", {}, 0),
        ("draft", {"effective_date": TODAY}, 0),
        ("active", {"end_date": None}, 100),
    ],
)
def test_hosts_are_those_of_the_contracts_in_force_today(
    now: datetime, status: str, fields: dict[str, Any], hosts: int
) -> None:
    account = make_account()
    make_contract(status=status, account=account, hosts=100, **fields)
    assert figures(account, now).contracted_hosts == hosts


def test_an_expansion_adds_its_hosts(now: datetime) -> None:
    account = make_account()
    for hosts in (100, 25, None):
        make_contract(status="active", account=account, hosts=hosts)
    assert figures(account, now).contracted_hosts == 125


def test_revenue_is_what_was_agreed_at_the_rate_of_the_close_date(now: datetime) -> None:
    account = make_account()
    make_contract(status="active", account=account, amount=Decimal("1000.00"))
    make_contract(status="expired", account=account, amount=Decimal("100.05"), currency="EUR")
    make_contract(status="signed", account=account, amount=Decimal("10.00"), currency="GBP")
    for status in ("draft", "sent"):
        make_contract(status=status, account=account, amount=Decimal(999))
    found = figures(account, now)
    assert found.revenue == Decimal("1000.00") + Decimal("110.06") + Decimal("12.70")
    assert (found.apart, found.cumulative_revenue) == ({}, found.revenue)


def test_an_amount_without_a_rate_is_apart_and_never_added(now: datetime) -> None:
    account = make_account()
    make_contract(status="active", account=account, amount=Decimal(500))
    make_contract(status="active", account=account, amount=Decimal(7000), currency="JPY")
    make_contract(status="expired", account=account, amount=Decimal(300), currency="JPY")
    make_contract(status="active", account=account, amount=Decimal(40), currency="EUR", close_date=date(2019, 12, 31))
    make_contract(status="active", account=account, amount=Decimal(2), currency="EUR", close_date=None)
    make_contract(status="active", account=account, amount=None, currency="JPY")
    found = figures(account, now)
    assert found.revenue == Decimal(500)
    assert found.apart == {"EUR": Decimal(42), "JPY": Decimal(7300)}
    assert found.cumulative_revenue == [Decimal(500), "42.00 EUR, no rate", "7,300.00 JPY, no rate"]


def test_the_rate_is_that_of_the_day(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    from crm.handbook.schema import ExchangeRate

    book = handbook.current()
    rates = tuple(
        ExchangeRate(currency="EUR", since=since, rate=rate)
        for since, rate in ((date(2025, 1, 1), "2"), (date(2024, 1, 1), "1.5"), (date(2025, 6, 1), "3"))
    )
    company = book.company.model_copy(update={"rates": rates})
    monkeypatch.setattr("contracts.figures.handbook.current", lambda: book.model_copy(update={"company": company}))
    account = make_account()
    for closed in (date(2023, 12, 31), date(2024, 12, 31), date(2025, 1, 1), date(2025, 5, 31), date(2025, 6, 1)):
        make_contract(status="active", account=account, amount=Decimal(100), currency="EUR", close_date=closed)
    found = figures(account, now)
    assert (found.revenue, found.apart) == (Decimal(150 + 200 + 200 + 300), {"EUR": Decimal(100)})


def test_a_terminated_contract_counts_for_the_days_it_was_served(alice: User, now: datetime) -> None:
    account = make_account(owner=alice)
    contract = make_contract(status="active", account=account, amount=Decimal(365))
    assert figures(account, now).revenue == Decimal(365)
    move(contract, "terminate", actor=alice, at=now, via="test", reason="Gone", terminated_on=date(2026, 2, 1))
    found = figures(account, now)
    assert found.revenue == Decimal(31)
    assert found.subscription_end == date(2026, 1, 31)


@pytest.mark.parametrize("field", ["terminated_on", "effective_date", "end_date"])
def test_one_whose_dates_do_not_say_counts_for_nothing(now: datetime, field: str) -> None:
    account = make_account()
    unknown: dict[str, Any] = {field: None}
    make_contract(status="terminated", account=account, amount=Decimal(100), **unknown)
    assert figures(account, now).revenue == 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amount=st.decimals(min_value=0, max_value=10**8, places=2),
    start=st.dates(date(2020, 1, 1), date(2026, 1, 1)),
    length=st.integers(1, 1500),
    stop=st.integers(0, 1501),
)
def test_the_database_counts_money_as_the_rule_does(
    now: datetime, amount: Decimal, start: date, length: int, stop: int
) -> None:
    account, end = make_account(), start + timedelta(days=length)
    stopped = min(start + timedelta(days=stop), end + DAY)
    dates: dict[str, Any] = {"effective_date": start, "end_date": end, "terminated_on": stopped, "close_date": start}
    make_contract(status="terminated", account=account, amount=amount, **dates)
    assert figures(account, now).revenue == amount_served(amount, start, end, stopped)


def test_a_page_of_accounts_takes_one_query(now: datetime, django_assert_num_queries: Any) -> None:
    accounts = [make_account() for _ in range(5)]
    make_contract(status="active", account=accounts[0], hosts=5, amount=Decimal(10))
    names = [
        *("invoice_sent", "payment_received", "subscription_end", "total_opportunities", "deals_won"),
        *("first_close", "cumulative_revenue", "contracted_hosts"),
    ]
    with django_assert_num_queries(1):
        found = {}
        for name in names:
            field = find(Account, name)
            assert field is not None
            assert field.values is not None
            found[name] = field.values(accounts, now)
    assert found["contracted_hosts"] == {account.pk: 5 if account == accounts[0] else 0 for account in accounts}
    assert figures_for([], now) == {}


def test_no_account_is_locked_and_nothing_of_it_is_stored(now: datetime) -> None:
    account = make_account()
    version = account.version
    contract = make_contract(status="active", account=account)
    make_invoice(contract, sent_on=TODAY)
    account.refresh_from_db()
    assert account.version == version
    assert figures(account, now).invoice_sent == TODAY


def test_more_than_ten_thousand_are_refused(now: datetime) -> None:
    with pytest.raises(Refused) as refused:
        figures_of(range(MOST + 1), now)
    assert refused.value.code == "too_many"
