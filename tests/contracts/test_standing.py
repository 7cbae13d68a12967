"""Customer, former customer, prospect: what contracts say of an account, and what was stated."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import Account, account_type_choices
from contracts.standing import is_type, type_condition, types_of
from tests.contracts.making import DAY, TODAY, make_contract
from tests.factories import make_account, make_opportunity

pytestmark = pytest.mark.django_db
GRACE = timedelta(days=30)


def shown(account: Account, at: datetime) -> str:
    """Its type, by the page and by every filter: they never differ."""
    found = types_of([account.pk], at)[account.pk]
    for key, _ in [*account_type_choices(), ("", "")]:
        by_filter = Account.objects.filter(is_type([key], at), pk=account.pk).exists()
        assert by_filter == (key == found), (key, found)
    return found


@pytest.mark.parametrize(
    ("status", "fields", "stated", "wanted"),
    [
        ("active", {}, "prospect", "customer"),
        ("active", {}, "", "customer"),
        ("signed", {"effective_date": TODAY}, "prospect", "customer"),
        ("signed", {}, "prospect", "prospect"),
        ("signed", {}, "customer", "customer"),
        ("active", {"end_date": TODAY}, "prospect", "customer"),
        ("active", {"end_date": TODAY - DAY}, "customer", "former_customer"),
        ("expired", {}, "customer", "former_customer"),
        ("terminated", {}, "customer", "former_customer"),
        ("terminated", {"terminated_on": DAY * 0 + TODAY.replace(month=1, day=1)}, "prospect", "prospect"),
        ("draft", {"effective_date": TODAY}, "prospect", "prospect"),
        ("active", {}, "partner", "partner"),
        ("expired", {}, "competitor", "competitor"),
    ],
)
def test_contracts_say_what_an_account_is(
    now: datetime, status: str, fields: dict[str, Any], stated: str, wanted: str
) -> None:
    account = make_account(type=stated)
    make_contract(status=status, account=account, **fields)
    assert shown(account, now) == wanted


@pytest.mark.parametrize("stated", ["", "customer", "former_customer", "prospect", "partner", "press"])
def test_without_contracts_it_is_what_was_stated(now: datetime, stated: str) -> None:
    assert shown(make_account(type=stated), now) == stated


@pytest.mark.parametrize(
    ("ended", "stage", "wanted"),
    [
        (DAY, "discovery", "customer"),
        (GRACE, "negotiation", "customer"),
        (GRACE + DAY, "negotiation", "former_customer"),
        (DAY, "closed_lost", "former_customer"),
        (DAY, None, "former_customer"),
    ],
)
def test_it_stays_a_customer_for_the_grace_period_while_a_renewal_is_open(
    now: datetime, ended: timedelta, stage: str | None, wanted: str
) -> None:
    account = make_account(type="prospect")
    contract = make_contract(status="expired", account=account, end_date=TODAY - ended)
    make_opportunity(account=account, stage="discovery")  # another sale is no renewal
    if stage:
        make_opportunity(account=account, stage=stage, renews=contract)
    assert shown(account, now) == wanted


def test_it_changes_at_midnight_of_the_company_without_a_write(now: datetime) -> None:
    account = make_account(type="prospect")
    make_contract(status="active", account=account, end_date=TODAY)
    version = Account.objects.get(pk=account.pk).version
    assert shown(account, now) == "customer"
    assert shown(account, datetime.fromisoformat("2026-03-05T07:59:00+00:00")) == "customer"
    assert shown(account, datetime.fromisoformat("2026-03-05T08:00:00+00:00")) == "former_customer"
    assert Account.objects.get(pk=account.pk).version == version


def test_filters_know_what_is_not_and_what_is_empty(now: datetime) -> None:
    customer, blank = make_account(type="prospect"), make_account()
    make_contract(status="active", account=customer)

    def found(operator: str, *values: str) -> set[int]:
        return set(Account.objects.filter(type_condition(operator, values, now)).values_list("pk", flat=True))

    assert found("is", "customer") == {customer.pk}
    assert found("is_not", "customer") == {blank.pk}
    assert found("is", "customer", "prospect") == {customer.pk}
    assert found("empty") == {blank.pk}
    assert found("not_empty") == {customer.pk}


def test_one_query_answers_for_a_page(now: datetime, django_assert_num_queries: Any) -> None:
    accounts = [make_account(type="prospect") for _ in range(6)]
    make_contract(status="active", account=accounts[2])
    with django_assert_num_queries(1):
        found = types_of([one.pk for one in accounts], now)
    assert [found[one.pk] for one in accounts].count("customer") == 1
