"""A random world of opportunities, and its forecast told a second time in plain Python."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from contracts.models import Opportunity
from crm import handbook
from crm.core.acting import acting
from crm.handbook.schema import ExchangeRate
from crm.people.models import User
from crm.reviews.models import Quota
from tests.factories import START, make_account, make_opportunity

QUARTER, LAST = date(2026, 1, 1), date(2026, 3, 31)
TODAY = date(2026, 3, 4)
CENT = Decimal("0.01")
RATES = (
    ExchangeRate(currency="EUR", since=date(2020, 1, 1), rate="1.10"),
    ExchangeRate(currency="EUR", since=date(2026, 3, 10), rate="1.2345"),
    ExchangeRate(currency="GBP", since=date(2026, 2, 1), rate="1.27"),
)


@contextmanager
def company(**changed: Any) -> Iterator[None]:
    """The company of the handbook with other rates, or another fiscal year."""
    book = handbook.current()
    found = book.company.model_copy(update={"rates": RATES, **changed})
    handbook._in_use.append(book.model_copy(update={"company": found}))
    try:
        yield
    finally:
        handbook._in_use.pop()


def world(owners: list[User | None], count: int = 60, seed: int = 7) -> list[Opportunity]:
    """Opportunities of all kinds around the first quarter of 2026."""
    chance = random.Random(seed)
    account = make_account()
    stages = [one.key for one in handbook.current().opportunity.stages]
    return [
        make_opportunity(
            account=account,
            stage=chance.choice(stages),
            owner=chance.choice(owners),
            amount=chance.choice([None, Decimal(0), Decimal(chance.randrange(1, 10_000_000)) / 100]),
            currency=chance.choice(["USD", "USD", "EUR", "GBP", "CHF"]),
            close_on=chance.choice([None, TODAY, *(date(2025, 12, 1) + timedelta(chance.randrange(150)),) * 8]),
            stated_forecast=chance.choice(["", "", "commit", "best_case", "pipeline", "omitted"]),
        )
        for _ in range(count)
    ]


def set_quota(owner: User, amount: int | str, quarter: date = QUARTER, currency: str = "USD") -> Quota:
    """What somebody is to win."""
    with acting(actor=User.objects.system(), via="test", at=START):
        return Quota.objects.create(owner=owner, quarter=quarter, amount=Decimal(amount), currency=currency)


def part_of(one: Opportunity, first: date, last: date, today: date) -> str:
    """What an opportunity counts as; empty for nothing."""
    stage = next(stage for stage in handbook.current().opportunity.stages if stage.key == one.stage)
    day = one.close_on
    if stage.kind == "won":
        return "won" if day and first <= day <= last else ""
    if stage.kind == "lost":
        return ""
    if day is None:
        return "undated"
    if day > last:
        return ""
    if day < first:
        return "earlier" if day < today else ""
    return "past_due" if last < today else one.stated_forecast or str(stage.forecast)


def is_late(one: Opportunity, first: date, last: date, today: date) -> bool:
    """Whether it is open with a close date in the quarter that has passed."""
    return bool(one.is_open and one.close_on and first <= one.close_on <= last and one.close_on < today)


def worth_of(one: Opportunity, today: date) -> Decimal | None:
    """In the company's currency; None without an amount or a rate."""
    if one.amount is None or one.currency == handbook.current().company.currency:
        return one.amount
    day = one.close_on or today
    since = [rate for rate in handbook.current().company.rates if rate.currency == one.currency and rate.since <= day]
    if not since:
        return None
    rate = Decimal(sorted(since, key=lambda rate: rate.since)[-1].rate)
    return (one.amount * rate).quantize(CENT, ROUND_HALF_UP)


def told_again(
    rows: list[Opportunity], first: date = QUARTER, last: date = LAST, today: date = TODAY
) -> dict[tuple[int | None, str], tuple[Decimal, int, int, dict[str, Decimal]]]:
    """By owner and part: worth, how many, how many without an amount, and what is apart; `weighted` is a part too."""
    found: dict[tuple[int | None, str], tuple[Decimal, int, int, dict[str, Decimal]]] = {}

    def put(one: Opportunity, part: str, percent: int) -> None:
        worth, count, without, apart = found.get((one.owner_id, part), (Decimal(0), 0, 0, {}))
        value = worth_of(one, today)
        share = Decimal(percent) / 100
        if one.amount and value is None:
            apart[one.currency] = apart.get(one.currency, Decimal(0)) + (one.amount * share).quantize(
                CENT, ROUND_HALF_UP
            )
        worth += ((value or Decimal(0)) * share).quantize(CENT, ROUND_HALF_UP)
        found[one.owner_id, part] = (worth, count + 1, without + (one.amount is None), apart)

    for one in rows:
        part = part_of(one, first, last, today)
        if part and part != "past_due":
            put(one, part, 100)
        if is_late(one, first, last, today):
            put(one, "past_due", 100)
        if part in ("commit", "best_case", "pipeline", "omitted"):
            put(one, "weighted", int(one.probability or 0))
    return found
