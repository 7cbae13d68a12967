"""Addresses are taken whole: half of one and half of another is no address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PARTS = ("street", "city", "state", "postal_code", "country")


def address_of(record: Any, prefix: str = "") -> dict[str, str]:
    """A record's address by its parts, all five of them; `prefix` as in `billing_`."""
    return {part: getattr(record, f"{prefix}{part}") for part in PARTS}


def has_address(record: Any, prefix: str = "") -> bool:
    """Whether any part of it is known."""
    return any(address_of(record, prefix).values())


def copied_address(record: Any, prefix: str = "", *, to: str) -> dict[str, str]:
    """The values that make another record's address this one, whole; none when nothing of it is known.

    What it has not got is emptied there: `setattr` them all, or none.
    """
    if not has_address(record, prefix):
        return {}
    return {f"{to}{part}": value for part, value in address_of(record, prefix).items()}


def address_columns(prefix: str = "") -> tuple[str, ...]:
    """The columns of an address."""
    return tuple(f"{prefix}{part}" for part in PARTS)


def address_lines(address: Mapping[str, str]) -> list[str]:
    """An address as it is written on an envelope, without empty lines."""
    city = " ".join(filter(None, (address["postal_code"], address["city"])))
    place = ", ".join(filter(None, (city, address["state"])))
    street = [line.strip() for line in address["street"].splitlines()]
    return [line for line in (*street, place, address["country"]) if line]
