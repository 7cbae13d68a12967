"""What the data rules of several apps ask in the same way: of links, phone numbers, and of whose a record is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet

from crm.checkups.rules import Rows
from crm.core.linkedin import SHAPES, WORDS, leads_to
from crm.core.phones import default_region, e164
from crm.people.models import User


def span(count: int, unit: str) -> str:
    """A number of hours or days in words: “1 day”, “3 days”."""
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def linkedin_rows(records: QuerySet[Any], name: str, wanted: str) -> Rows:
    """The LinkedIn address in a field is well formed and leads to what it should: a `company`, `person` or `sales`."""
    return Rows(
        among=records.exclude(**{name: ""}),
        wrong=~Q(**{f"{name}__iregex": SHAPES[wanted]}),
        expected=f"{WORDS[wanted][:1].upper()}{WORDS[wanted][1:]}",
        found=lambda record: _leads_to(getattr(record, name)),
        detail=name,
        applies=lambda record: bool(getattr(record, name)),
        means=lambda record: wanted not in leads_to(getattr(record, name)),
    )


def _leads_to(address: str) -> str:
    kinds = leads_to(address)
    if not kinds:
        return "An address of another site, or one that leads to nobody"
    return f"{WORDS[min(kinds)].partition(',')[0]} instead".capitalize().replace("linkedin", "LinkedIn")


def phone_rows(records: QuerySet[Any], name: str) -> Rows:
    """A phone number is one that can be called: what is matched and dialled is worked out from it."""
    return Rows(
        among=records.exclude(**{name: ""}),
        wrong=Q(**{f"{name}_key": ""}),
        expected="A phone number that can be called, with its country code where it is abroad",
        found="No phone number can be read from it",
        detail=name,
        applies=lambda record: bool(getattr(record, name)),
        means=lambda record: not e164(getattr(record, name), default_region()),
    )


def gone_owner_rows(records: QuerySet[Any], applies: Callable[[Any], bool] = lambda record: True) -> Rows:
    """Records are nobody's who does not work here any more."""
    return Rows(
        among=records.exclude(owner=None),
        wrong=Q(owner__in=User.objects.filter(is_active=False).values("pk")),
        expected="An owner who works here",
        found="It is somebody's who does not work here any more",
        related=("owner",),
        applies=lambda record: record.owner_id is not None and applies(record),
        means=lambda record: not record.owner.is_active,
    )
