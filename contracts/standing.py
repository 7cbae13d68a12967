"""What contracts say an account is: customer, former customer, or what somebody stated.

The one definition, for pages, lists, filters, exports and the API. An account is

- what was stated, if that is none of the three words that follow from contracts: a partner, a competitor or an analyst
  stays one, whatever it buys;
- a customer, if it has an agreed contract in force today, or one that ended within the handbook's `account.grace_days`
  while an open opportunity renews it;
- a former customer, if it had an agreed contract, or one that was terminated after it had begun;
- else what was stated.

"Today" is the company's. Nothing of it is stored: a contract that ends at midnight is over at midnight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.fields import CharField

from accounts.models import Account
from contracts.flow import stage_keys
from contracts.models import Contract, Opportunity
from contracts.signing import AGREED, ContractStatus
from crm import handbook

CUSTOMER, FORMER, PROSPECT = "customer", "former_customer", "prospect"
# The words that contracts decide about; every other one is stated, and stays.
DERIVED = (CUSTOMER, FORMER, PROSPECT, "")


def is_customer(at: datetime) -> Q:
    """Accounts with a contract in force today, or in the days of grace after one while its renewal is open."""
    book = handbook.current()
    today = book.today(at)
    own = Contract.objects.filter(account=OuterRef("pk"))
    # That it renews one at all is said so that its index is read, not every opportunity there is.
    renewal = Opportunity.objects.filter(renews=OuterRef("pk"), renews__isnull=False, stage__in=stage_keys("open"))
    ended = own.ended_since(today - timedelta(days=book.account.grace_days), today).filter(Exists(renewal))
    return Q(Exists(own.in_force(today))) | Q(Exists(ended))


def was_customer(at: datetime) -> Q:
    """Accounts with an agreed contract that has begun, or one that was terminated after it had."""
    today = handbook.current().today(at)
    begun = Contract.objects.filter(account=OuterRef("pk"), effective_date__lte=today)
    served = Q(status=ContractStatus.TERMINATED, terminated_on__gt=F("effective_date"))
    return Q(Exists(begun.filter(Q(status__in=AGREED) | served)))


def is_type(keys: Sequence[str], at: datetime) -> Q:
    """Accounts of one of these types: what they are shown as, not what was stated."""
    derived, was = Q(type__in=DERIVED), was_customer(at)
    found = Q(pk__in=[])
    if CUSTOMER in keys:
        found |= derived & is_customer(at)
    if FORMER in keys:
        found |= derived & was & ~is_customer(at)
    if words := [key for key in keys if key in DERIVED]:
        # Nothing was agreed that says otherwise: what was stated stands. Who is a customer was one already.
        found |= Q(type__in=words) & ~was
    if others := [key for key in keys if key not in DERIVED]:
        found |= Q(type__in=others)
    return found


def standing(at: datetime) -> Case:
    """The type of an account as an expression on its rows."""
    return Case(
        When(~Q(type__in=DERIVED), then=F("type")),
        When(is_customer(at), then=Value(CUSTOMER)),
        When(was_customer(at), then=Value(FORMER)),
        default=F("type"),
        output_field=CharField(),
    )


def types_of(ids: Sequence[int], at: datetime) -> dict[int, str]:
    """The type of each of these accounts, in one query."""
    rows: QuerySet[Account] = Account.objects.filter(pk__in=ids)
    return dict(rows.annotate(standing=standing(at)).values_list("pk", "standing"))


def shown_types(records: Sequence[Any], at: datetime) -> Mapping[int, str]:
    """As `types_of`, for the records of a page."""
    return types_of([record.pk for record in records], at)


def type_condition(operator: str, values: Sequence[str], at: datetime) -> Q:
    """What a filter by type means: `is`, `is_not`, `empty` and `not_empty`."""
    if operator in ("empty", "not_empty"):
        empty = is_type([""], at)
        return empty if operator == "empty" else ~empty
    found = is_type(list(values), at)
    return ~found if operator == "is_not" else found
