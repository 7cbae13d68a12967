"""What opportunities come to in the company's currency: one expression, for whoever adds amounts up.

An amount in another currency is worth what the handbook's rate says on the opportunity's close date; without a close
date, today's. Each is rounded to the cent before it is added. An amount without a rate on its day is told apart, by
currency, and never added; an opportunity without an amount counts as nothing, and is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.db.models import Case, Count, DecimalField, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce, Round

from crm import handbook
from crm.workspace.board import Total

Dated = tuple[str, date, date | None, Decimal]


def dated_rates() -> Iterator[Dated]:
    """Each rate of the handbook with its currency, its first day, and the first day of the next one, if any."""
    by_currency: dict[str, list[tuple[date, Decimal]]] = defaultdict(list)
    for one in handbook.current().company.rates:
        by_currency[one.currency].append((one.since, Decimal(str(one.rate))))
    for currency, rates in by_currency.items():
        rates.sort()
        for (since, rate), (until, _) in pairwise(rates):
            yield currency, since, until, rate
        yield currency, rates[-1][0], None, rates[-1][1]


def with_worth(rows: QuerySet[Any], at: datetime) -> QuerySet[Any]:
    """These opportunities with their `worth`: the amount in the company's currency, to the cent.

    It is NULL without an amount, and without a rate.
    """
    book = handbook.current()
    found = [When(currency=book.company.currency, then=F("amount"))]
    for currency, since, until, rate in dated_rates():
        on = Q(currency=currency, worth_day__gte=since)
        if until is not None:
            on &= Q(worth_day__lt=until)
        found.append(When(on, then=Round(F("amount") * Value(rate), precision=2)))
    money: DecimalField[Any, Any] = DecimalField(max_digits=20, decimal_places=2)
    days: QuerySet[Any] = rows.annotate(worth_day=Coalesce("close_on", Value(book.today(at))))
    valued: QuerySet[Any] = days.annotate(worth=Case(*found, output_field=money))
    return valued


def totals_by_stage(rows: QuerySet[Any], at: datetime) -> dict[str, Total]:
    """How many of these opportunities are in each stage, and what they come to; all of them, in one query."""
    currency_of_all = handbook.current().company.currency
    piles = (
        with_worth(rows, at)
        .values_list("stage", "currency")
        .annotate(
            pile=Count("pk"),
            amounts=Sum("worth"),
            apart=Sum("amount", filter=Q(worth__isnull=True)),
            bare=Count("pk", filter=Q(amount__isnull=True)),
        )
    )
    found: dict[str, Total] = {}
    for stage, currency, count, total, apart, bare in piles.order_by("stage", "currency"):
        one = found.setdefault(stage, Total(currency=currency_of_all))
        one.count += count
        one.worth += total or Decimal(0)
        one.without += bare
        if apart:
            one.apart[currency] = one.apart.get(currency, Decimal(0)) + apart
    return found
