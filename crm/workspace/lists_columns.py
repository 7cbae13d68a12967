"""The columns of a list: one function for each field of the view, as Django's lists take them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import Truncator, capfirst

from crm import handbook
from crm.core.display import short_day
from crm.core.labels import page_label
from crm.workspace.fields import Field
from crm.workspace.own import own_value
from crm.workspace.showing import read_values, shown

# Of a long text so many letters: a list is for finding, the page for reading.
LONGEST = 80
Tones = Mapping[str, str] | Callable[[str], str]
Column = Callable[[Any], Any]


def columns_for(
    admin: Any, fields: Sequence[Field], *, sortable: Callable[[Field], bool], at: datetime
) -> list[Column]:
    """A column for each field: the admin's own one where it has one (`rich`), else the value as pages show it."""
    met: set[str] = set()
    return [
        _column(admin, field, met, first=not number, sortable=sortable(field), at=at)
        for number, field in enumerate(fields)
    ]


def _column(admin: Any, field: Field, met: set[str], *, first: bool, sortable: bool, at: datetime) -> Column:
    rich = getattr(admin, admin.rich[field.name]) if field.name in admin.rich else None
    tones = admin.tones.get(field.name)

    def column(record: Any) -> Any:
        if rich is not None:
            return rich(record)
        return cell(record, field, record.listed.get(field.name), tones=tones, plain=first, at=at)

    column.__name__ = field.name
    label = page_label(field.label, met)
    column.short_description = str(capfirst(label))  # type: ignore[attr-defined]
    column.empty_value_display = getattr(rich, "empty_value_display", "")  # type: ignore[attr-defined]
    if sortable:
        column.admin_order_field = field.name  # type: ignore[attr-defined]
    return column


def values_of(records: Sequence[Any], fields: Iterable[Field], at: datetime) -> dict[str, dict[int, Any]]:
    """As `read_values`; a value of the company's own fields as what it means by its type."""
    fields = list(fields)
    found = read_values(records, fields, at)
    for field in fields:
        if field.kept_as:
            found[field.name] = {pk: own_value(field, raw) for pk, raw in found[field.name].items()}
    return found


def cell(
    record: Any, field: Field, value: Any, *, tones: Tones | None = None, plain: bool = False, at: datetime
) -> Any:
    """One value as a list shows it; `plain` without links, in the column that leads to the record's page."""
    if field.cell is not None and not plain:
        return field.cell(record, value, at)
    if value is None or value == "":
        return "Not named" if plain else ""
    if isinstance(value, datetime):
        return short_day(timezone.localtime(value).date(), handbook.current().today(at))
    if isinstance(value, date):
        return short_day(value, handbook.current().today(at))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if tones is not None:
        return toned(str(value), _label(field, value), tones)
    if plain:
        return _label(field, value)
    if isinstance(value, str) and field.choices is None and field.kind == "text" and len(value) > LONGEST:
        return format_html('<span title="{}">{}</span>', value, Truncator(value).chars(LONGEST))
    if field.kind == "money" and not isinstance(value, list | tuple):
        return format_html('<span class="whitespace-nowrap">{}</span>', shown(record, field, value))
    return shown(record, field, value)


def toned(key: str, label: str, tones: Tones) -> Any:
    """A word on a ground whose colour says what it asks for; without one where the value is unknown."""
    tone = tones(key) if callable(tones) else tones.get(key, "")
    return format_html('<span class="plumb-label{}">{}</span>', f" plumb-label-{tone}" if tone else "", label)


def _label(field: Field, value: Any) -> str:
    return dict(field.choices()).get(str(value), str(value)) if field.choices is not None else str(value)
