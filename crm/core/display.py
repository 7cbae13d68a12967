"""Stored values as people read them: labels, names, dates of the reader's zone; an empty value is said."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.formats import date_format, number_format

if TYPE_CHECKING:
    Field = models.Field[Any, Any]
else:
    Field = models.Field
# (model, id) to name, for the records that foreign keys of a page point at.
Names = Mapping[tuple[type[models.Model], int], str]
EMPTY = "(empty)"


def shown(field: Field | None, raw: Any, names: Names | None = None) -> str:
    """One value of a field, as stored or as the change log keeps it (JSON), in words.

    A model whose column keeps a list of keys names their words in `KEYS_IN`: the column to what gives key and label.
    """
    if raw is None or raw == "":
        return EMPTY
    if field is None:
        return plain_text(raw)
    if isinstance(field, models.ForeignKey):
        kind = field.remote_field.model
        return (names or {}).get((kind, int(raw)), f"{kind._meta.verbose_name} {raw}, which is gone")
    try:
        value = field.to_python(raw)
    except (ValidationError, TypeError, ValueError):
        value = raw
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(value, list) and (words := getattr(field.model, "KEYS_IN", {}).get(field.name)):
        labels = dict(words())
        return plain_text([labels.get(key, key) for key in value])
    return plain_text(value)


def plain_text(value: Any) -> str:
    """A value without a field: dates in the reader's zone, yes and no, numbers by thousands, anything else as it is."""
    if value is None or value == "":
        return EMPTY
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, datetime):
        return date_format(timezone.localtime(value) if timezone.is_aware(value) else value, "DATETIME_FORMAT")
    if isinstance(value, date):
        return date_format(value, "DATE_FORMAT")
    if isinstance(value, Decimal | float | int):
        return str(number_format(value, use_l10n=True, force_grouping=True))
    if isinstance(value, dict) and set(value) == {"id", "name"}:
        return str(value["name"])
    if isinstance(value, list) and all(isinstance(one, str | int) for one in value):
        return ", ".join(map(plain_text, value)) or EMPTY
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return str(value)


def short_day(day: date, today: date) -> str:
    """A day as lists show it: without the year when it is this one."""
    return date_format(day, "M j" if day.year == today.year else "M j, Y")


def names_of(wanted: Iterable[tuple[Field, Any]]) -> dict[tuple[type[models.Model], int], str]:
    """The names of all records these foreign keys point at: one query for each model, however many values."""
    ids: dict[type[models.Model], set[int]] = defaultdict(set)
    for field, raw in wanted:
        if isinstance(field, models.ForeignKey) and raw not in (None, ""):
            ids[field.remote_field.model].add(int(raw))
    return {
        (kind, pk): str(record) for kind, keys in ids.items() for pk, record in kind._base_manager.in_bulk(keys).items()
    }
