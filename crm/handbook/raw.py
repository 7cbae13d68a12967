"""A parsed handbook file before it is checked: what stands where, whatever else is wrong with it."""

from __future__ import annotations

from typing import Any

Raw = dict[str, Any]


def at(raw: Raw, *place: str | int) -> Any:
    """What stands at a place, or None."""
    value: Any = raw
    for part in place:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def tables(raw: Raw, *place: str | int) -> list[tuple[int, Raw]]:
    """The tables of the list at a place, with their positions."""
    value = at(raw, *place)
    return [(n, entry) for n, entry in enumerate(value) if isinstance(entry, dict)] if isinstance(value, list) else []


def keys(raw: Raw, *place: str | int) -> list[str]:
    """The keys of that list's tables."""
    return [entry["key"] for _, entry in tables(raw, *place) if isinstance(entry.get("key"), str)]


def texts(value: object) -> list[tuple[int, str]]:
    """The texts of a list, with their positions."""
    return [(n, text) for n, text in enumerate(value) if isinstance(text, str)] if isinstance(value, list) else []
