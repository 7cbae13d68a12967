"""Fields of accounts and contacts that layouts and lists name, beside the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from accounts.addresses import address_columns, address_lines, address_of
from accounts.models import Account, Contact
from crm.core.text import tidy
from crm.workspace.fields import Condition, Field, Values, declare


def names(contacts: Sequence[Any], at: datetime) -> Mapping[int, str]:
    """First and last name; without one, the email."""
    return {contact.pk: str(contact) for contact in contacts}


def named(operator: str, values: Sequence[str], at: datetime) -> Q:
    """Contacts whose name or email has these characters; `is` and `is_not`, those of exactly that last name."""
    if operator in ("empty", "not_empty"):
        without = Q(first_name="", last_name="")
        return without if operator == "empty" else ~without
    found = Q()
    for value in map(tidy, values):
        found |= Q(search__contains=value.lower()) if operator == "contains" else Q(last_name__iexact=value)
    return ~found if operator == "is_not" else found


def addresses(prefix: str) -> Values:
    """An address in one line."""

    def values(records: Sequence[Any], at: datetime) -> Mapping[int, str]:
        return {record.pk: ", ".join(address_lines(address_of(record, prefix))) for record in records}

    return values


def addressed(prefix: str) -> Condition:
    """Records with an address, without one, or with these words in a part of it."""

    def condition(operator: str, values: Sequence[str], at: datetime) -> Q:
        columns = address_columns(prefix)
        if operator in ("empty", "not_empty"):
            without = Q(**dict.fromkeys(columns, ""))
            return without if operator == "empty" else ~without
        how = "icontains" if operator == "contains" else "iexact"
        found = Q()
        for column in columns:
            for value in values:
                found |= Q(**{f"{column}__{how}": tidy(value)})
        return ~found if operator == "is_not" else found

    return condition


def address(name: str, label: str, prefix: str) -> Field:
    """The field of an address, edited by its five parts."""
    parts = address_columns(prefix)
    return Field(name, label, parts=parts, values=addresses(prefix), condition=addressed(prefix))


declare(
    Account,
    Field("name", "account name", column="name"),
    address("billing_address", "billing address", "billing_"),
    address("shipping_address", "shipping address", "shipping_"),
)
declare(
    Contact,
    Field("account", "account name", kind="record", column="account"),
    Field("name", "name", parts=("first_name", "last_name"), values=names, condition=named),
    address("mailing_address", "mailing address", "mailing_"),
)
