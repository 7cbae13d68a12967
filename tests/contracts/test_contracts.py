"""A contract and its dates (C1)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from contracts.models import Contract, Opportunity
from crm import handbook
from tests.contracts.making import make_contract as placed
from tests.factories import make_account, make_opportunity

pytestmark = pytest.mark.django_db
SENTENCE = r"The subscription end date \(.+\) does not lie after the effective date \(.+\)\."


def make_contract(**fields: Any) -> Contract:
    """A contract with an account."""
    return Contract.objects.create(**{"name": "Subscription", "account": make_account()} | fields)


@pytest.mark.parametrize(
    ("start", "end", "possible"),
    [
        (None, None, True),
        (date(2026, 1, 1), None, True),
        (None, date(2026, 1, 1), True),
        (date(2026, 1, 1), date(2026, 12, 31), True),
        (date(2026, 1, 1), date(2026, 1, 1), False),
        (date(2026, 1, 2), date(2026, 1, 1), False),
    ],
)
def test_a_subscription_ends_after_it_starts(start: date | None, end: date | None, possible: bool) -> None:
    contract = Contract(name="Subscription", account=make_account(), effective_date=start, end_date=end)
    if possible:
        contract.full_clean()
        contract.save()
        return
    with pytest.raises(ValidationError, match=SENTENCE):
        contract.full_clean()
    with pytest.raises(IntegrityError, match="contracts_contract_ends_after_it_starts"), transaction.atomic():
        contract.save()
    good = make_contract(effective_date=date(2026, 1, 1), end_date=date(2026, 12, 31))
    with pytest.raises(IntegrityError), transaction.atomic():
        Contract.objects.filter(pk=good.pk).update(effective_date=start, end_date=end)


def test_signed_is_what_the_last_party_signed() -> None:
    make_contract(effective_date=date(2026, 1, 1))
    make_contract(close_date=date(2026, 1, 1))  # a draft that says when it is to be signed is none
    signed = [placed(status=status) for status in ("signed", "active", "expired", "terminated")]
    placed(status="terminated", close_date=None)
    assert list(Contract.objects.signed().order_by("pk")) == signed


def test_its_currency_is_the_companys_unless_it_says_otherwise() -> None:
    assert make_contract().currency == handbook.current().company.currency
    assert make_contract(currency="EUR").currency == "EUR"


def test_an_amount_is_not_negative() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Contract(name="Subscription", account=make_account(), amount=-1).full_clean()


def test_an_account_with_a_contract_and_an_opportunity_with_one_are_kept() -> None:
    opportunity = make_opportunity()
    make_contract(account=opportunity.account, opportunity=opportunity)
    for record in (opportunity.account, opportunity):
        with pytest.raises(ProtectedError), transaction.atomic():
            record.delete()


@pytest.mark.parametrize("name", ["", "  "])
def test_an_opportunity_has_a_name(name: str) -> None:
    opportunity = make_opportunity()
    opportunity.name = name
    with pytest.raises(IntegrityError, match="contracts_opportunity_has_name"), transaction.atomic():
        opportunity.save()
    assert Opportunity.objects.get().name
