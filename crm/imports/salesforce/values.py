"""What a cell of a Salesforce export says, in the form that COPY takes; or why it cannot be that."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from typing import Any

from django.db import models

from crm.core.text import Email, Link

Reader = Callable[[str], str]
LARGEST_NUMBER = 2_147_483_647
# What lies outside is a slip of whoever typed it; near the ends of the calendar a time zone has no room either.
YEARS = range(1970, 2101)
# An address that a browser opens as a page: nothing that runs, mails or dials.
URL = re.compile(r"(?:(?:https?:)?//)?[^\s/?#@:\\]+\.[^\s/?#@:\\]+(?::\d{1,5})?(?:[/?#]\S*)?", re.IGNORECASE)
# What forms accept as an address, nearly: something before one @, and a domain with a dot in it.
EMAIL = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;.]+\.?")
ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
NO_ID = "0" * 15  # what exports write where there is none
CASES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


class Bad(Exception):
    """A cell that is not what its column is for. It is kept as it came, and the row is flagged."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def reader_of(field: models.Field[Any, Any]) -> Reader:
    """The reader of a column that is stored in this field."""
    if field.name == "linkedin_url":
        return partial(read_linkedin, longest=field.max_length or 0)
    if isinstance(field, Link):
        return partial(read_url, longest=field.max_length or 0)
    if isinstance(field, Email):
        return partial(read_email, longest=field.max_length or 0)
    if isinstance(field, models.PositiveIntegerField):
        return read_count
    if isinstance(field, models.DecimalField):
        return read_amount
    if isinstance(field, models.BooleanField):
        return read_bool
    if isinstance(field, models.DateField):
        return read_day
    if field.name == "currency":
        return read_currency
    return partial(read_text, longest=field.max_length or 0)


def read_text(cell: str, *, longest: int) -> str:
    """Text as it is; never cut off."""
    if longest and len(cell) > longest:
        raise Bad("too_long", f"is {len(cell):,} characters long, {longest:,} are allowed")
    return cell


def read_email(cell: str, *, longest: int) -> str:
    """An address."""
    if not EMAIL.fullmatch(cell):
        raise Bad("bad_email", f"“{cell[:80]}” is no email address")
    return read_text(cell, longest=longest)


def read_linkedin(cell: str, *, longest: int) -> str:
    """A profile's URL, with or without its scheme."""
    if "linkedin." not in cell.lower() or not URL.fullmatch(cell):
        raise Bad("bad_linkedin_url", f"“{cell[:80]}” is no LinkedIn URL")
    return read_text(cell, longest=longest)


def read_url(cell: str, *, longest: int) -> str:
    """A web page's address, with or without its scheme."""
    if not URL.fullmatch(cell):
        raise Bad("bad_url", f"“{cell[:80]}” is no web address (https://acme.example)")
    return read_text(cell, longest=longest)


def read_count(cell: str) -> str:
    """A number of people, also as Salesforce writes it with decimals. Zero is their word for unknown."""
    number = _number(cell)
    if number != number.to_integral_value() or not 0 <= number <= LARGEST_NUMBER:
        raise Bad("bad_number", f"“{cell[:80]}” is no whole number from 0 to {LARGEST_NUMBER:,}")
    if number == 0:
        raise Bad("", "unknown")
    return str(int(number))


def read_amount(cell: str) -> str:
    """Money: whole cents, because a rounded amount would be another one."""
    number = _number(cell)
    if abs(number) >= 10**12 or number != round(number, 2):
        raise Bad("bad_number", f"“{cell[:80]}” is no amount in whole cents below a trillion")
    return f"{number:.2f}"


def _number(cell: str) -> Decimal:
    try:
        number = Decimal(cell)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or "_" in cell:
        raise Bad("bad_number", f"“{cell[:80]}” is no number")
    return number


def read_day(cell: str) -> str:
    """A date, also written with a time."""
    try:
        day = date.fromisoformat(cell[:10])
    except ValueError:
        raise Bad("bad_date", f"“{cell[:80]}” is no date (2024-07-11)") from None
    if day.year not in YEARS:
        raise _out_of_range(cell)
    return day.isoformat()


def _out_of_range(cell: str) -> Bad:
    return Bad("bad_date", f"“{cell[:80]}” is before {YEARS[0]} or after {YEARS[-1]}")


def read_currency(cell: str) -> str:
    """An ISO 4217 code."""
    if not re.fullmatch("[A-Z]{3}", cell):
        raise Bad("bad_currency", f"“{cell[:80]}” is no currency code (USD)")
    return cell


# Rows made in one go share their times.
@lru_cache(maxsize=1024)
def read_time(cell: str) -> datetime:
    """A moment; without a zone it is UTC, as exports are."""
    try:
        moment = datetime.fromisoformat(cell)
        if moment.year not in YEARS:
            raise _out_of_range(cell)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Bad("bad_date", f"“{cell[:80]}” is no date and time (2024-07-11T21:22:06.000+0000)") from None


def read_id(cell: str) -> str:
    """An id in its 18 characters, which tell apart without regard to capitals; some tools write the first 15.

    The last three say which of the fifteen are capitals. What is no Salesforce id stays as it is.
    """
    cell = cell.strip()
    if cell[:15] == NO_ID:
        return ""
    if len(cell) != 15 or not ID.fullmatch(cell):
        return cell
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << place for place in range(5) if cell[start + place].isupper())
        suffix += CASES[bits]
    return cell + suffix


def read_bool(cell: str) -> str:
    """Yes or no, as COPY takes it; what is neither is said to be."""
    if cell.lower() not in ("1", "true", "yes", "0", "false", "no"):
        raise Bad("bad_value", f"“{cell[:80]}” is neither true nor false")
    return "t" if is_true(cell) else "f"


def is_true(cell: str) -> bool:
    """Salesforce's exports write 1 or true; empty is no."""
    return cell.strip().lower() in ("1", "true", "yes")
