"""The facts of moves as JSON: each form field has one JSON type, and what is of another type is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import is_naive

from crm.core.errors import Unreadable
from crm.core.flow import Verb

LONGEST_TEXT = 100_000
LONGEST_NUMBER = 40
WHOLE = Unreadable("Send a whole number.")
AMOUNT = Unreadable('Send a decimal number, as 1234.5 or "1234.50".')
RECORD = Unreadable("Send the id of a record, a whole number.")
RECORD_OR_NEW = Unreadable("Send the id of a record, or “new”.")
DAY = Unreadable("Send a day, as 2026-03-04.")
INSTANT = Unreadable("Send a time with its offset, as 2026-03-04T18:00:00Z.")
TEXT = Unreadable("Send a text.")
TOO_LONG = Unreadable(f"{LONGEST_TEXT:,} characters at most.")
KEYS = Unreadable("Send a list of keys, each a text.")
YES_NO = Unreadable("Send true or false.")
LARGEST = 2**63 - 1


def facts_from(info: Verb, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a body as the door takes them. A name that the verb never asks for is left to the door to refuse."""
    known: Any = info.facts.base_fields
    return {name: fact_from(known[name], value) if name in known else value for name, value in sent.items()}


def fact_from(field: forms.Field, value: Any) -> Any:
    """One fact as its form field takes it, or what it could be instead; null is a fact that is not given."""
    if value is None:
        return None
    if isinstance(field, forms.ModelChoiceField):
        return value if _is_whole(value) and 0 < value <= LARGEST else RECORD
    if hasattr(field, "kind"):
        return str(value) if value in ("", "new") or (_is_whole(value) and 0 < value <= LARGEST) else RECORD_OR_NEW
    if isinstance(field, forms.MultipleChoiceField):
        return value if isinstance(value, list) and all(isinstance(one, str) for one in value) else KEYS
    if isinstance(field, forms.BooleanField):
        return value if isinstance(value, bool) else YES_NO
    if isinstance(field, forms.DecimalField):
        return _amount(value)
    if isinstance(field, forms.IntegerField):
        return value if _is_whole(value) and abs(value) <= LARGEST else WHOLE
    if isinstance(field, forms.DateTimeField):
        return _instant(value)
    if isinstance(field, forms.DateField):
        return _day(value)
    if not isinstance(value, str):
        return TEXT
    return value if len(value) <= LONGEST_TEXT else TOO_LONG


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _amount(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > LONGEST_NUMBER:
        return AMOUNT
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return AMOUNT
    return found if found.is_finite() else AMOUNT


def _day(value: Any) -> Any:
    try:
        found = parse_date(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        found = None
    return found or DAY


def _instant(value: Any) -> Any:
    return instant(value) or INSTANT


def instant(value: Any) -> datetime | None:
    """A time with its offset (RFC 3339); None for anything else."""
    try:
        found = parse_datetime(value) if isinstance(value, str) and len(value) <= LONGEST_NUMBER else None
        return found if found is not None and not is_naive(found) and found.utctimetuple() else None
    except (ValueError, OverflowError):
        return None


def fact_schema(field: forms.Field) -> dict[str, Any]:
    """What a fact may be, as JSON Schema: its type, its choices, its limits, and what it is called."""
    said: dict[str, Any] = {"title": str(field.label or "")}
    if field.help_text:
        said["description"] = str(field.help_text)
    if isinstance(field, forms.ModelChoiceField):
        kind = field.queryset.model._meta.verbose_name if field.queryset is not None else "record"
        return said | {"type": "integer", "description": f"The id of a {kind}."}
    if hasattr(field, "kind"):
        name = field.kind._meta.verbose_name
        text = f"The id of an {name} to use, or “new”; without it an exact match is used, else a new one is made."
        return said | {"type": ["integer", "string"], "description": text}
    if isinstance(field, forms.MultipleChoiceField):
        return said | {"type": "array", "items": {"type": "string", "enum": [str(key) for key, _ in field.choices]}}  # type: ignore[misc, union-attr]
    if isinstance(field, forms.BooleanField):
        return said | {"type": "boolean"}
    if isinstance(field, forms.ChoiceField):
        return said | {"type": "string", "enum": [str(key) for key, _ in field.choices if key]}  # type: ignore[union-attr, misc]
    if isinstance(field, forms.DecimalField):
        return said | {"type": ["number", "string"]} | _limits(field)
    if isinstance(field, forms.IntegerField):
        return said | {"type": "integer"} | _limits(field)
    if isinstance(field, forms.DateTimeField):
        return said | {"type": "string", "format": "date-time"}
    if isinstance(field, forms.DateField):
        return said | {"type": "string", "format": "date"}
    most = getattr(field, "max_length", None)
    formats = {forms.EmailField: "email", forms.URLField: "uri"}
    found = next(({"format": name} for kind, name in formats.items() if isinstance(field, kind)), {})
    return said | {"type": "string"} | found | ({"maxLength": most} if most else {})


def _limits(field: Any) -> dict[str, Any]:
    pairs = (("minimum", field.min_value), ("maximum", field.max_value))
    return {name: value for name, value in pairs if value is not None}
