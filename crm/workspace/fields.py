"""Every field that a layout, a list view, a filter or an export may name, by kind of record.

The columns of a model are here by themselves. What is computed, put together of several columns, or has a word of its
own is declared by the app that knows it, in its module `fields`:

    declare(Account, Field("billing_address", "billing address", parts=("billing_street", "billing_city", …)))
    declare(Account, Field("invoice_sent", "invoice sent (latest)", kind="date", values=latest_invoices))

A computed field answers for all records of a page at once: `values(records, at)` gives the value by id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import Q

from crm import handbook
from crm.core.labels import field_label
from crm.core.phones import PhoneKey
from crm.handbook.document import Handbook

Kind = Literal["text", "number", "money", "date", "datetime", "choice", "link", "record", "person", "yes_no"]
Values = Callable[[Sequence[Any], datetime], Mapping[int, Any]]
# The rows that an operator and its values mean: condition(operator, values, at).
Condition = Callable[[str, Sequence[str], datetime], Q]
Choices = Callable[[], list[tuple[str, str]]]
# The rows of a list, arranged: arrange(rows, down).
Arrange = Callable[[models.QuerySet[Any], bool], Any]
# A value as a list shows it: cell(record, value, at).
Cell = Callable[[Any, Any, datetime], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind of record as people know it.

    `column` is the model's field it shows and, on a page, lets be edited. `parts` are the model's fields that it is put
    together of, and that it is edited by. `values` computes what
    is shown; without a `column` it is then not edited. `condition` lets lists filter by
    it, `order` sort by it (the columns of the index that serves it).
    """

    name: str
    label: str
    kind: Kind = "text"
    column: str = ""
    parts: tuple[str, ...] = ()
    values: Values | None = None
    condition: Condition | None = None
    choices: Choices | None = None
    order: tuple[str, ...] = ()
    # Rows in the order of this field where no index of the list's own table has it; what it returns is sliced only.
    arrange: Arrange | None = None
    # How a list shows a value, if not as its kind.
    cell: Cell | None = None
    # Lists offer a filter by its values.
    offered: bool = False
    help: str = ""
    # Of a field of the company's own: the key under which its value is kept.
    kept_as: str = ""


_declared: dict[type[models.Model], dict[str, Field]] = {}


def declare(kind: type[models.Model], *fields: Field) -> None:
    """Make fields known that are no plain columns, or that say more than their column does."""
    known = _declared.setdefault(kind, {})
    for one in fields:
        if one.name in known:
            raise ValueError(f"{kind.__name__}.{one.name} is declared already")
        known[one.name] = one


def find(kind: type[models.Model], name: str, book: Handbook | None = None) -> Field | None:
    """The field of that name; None when there is none, or no longer, or when it is for the program alone.

    The company's own fields are those of `book`, which is the handbook in force unless another is to be tried.
    """
    if name in HIDDEN:
        return None
    if name in _declared.get(kind, {}):
        return _declared[kind][name]
    owned = (book or handbook.current()).own_fields_of(str(kind._meta.model_name))
    own = next((one for one in owned if one.key == name), None)
    if own is not None:
        return Field(
            own.key,
            own.label,
            kind=own.type,
            kept_as=own.kept_as or own.key,
            choices=(lambda: [(entry.key, entry.label) for entry in own.choices]) if own.choices else None,
        )
    try:
        column = kind._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    if not isinstance(column, models.Field) or column.primary_key or isinstance(column, OF_THE_PROGRAM):
        return None
    return Field(name, field_label(column), kind=kind_of(column), column=name, choices=_choices_of(column))


def fields_of(kind: type[models.Model], book: Handbook | None = None) -> list[Field]:
    """Every field there is for a kind of record: its columns, what is declared, the company's own."""
    owned = (book or handbook.current()).own_fields_of(str(kind._meta.model_name))
    names = [*built_in(kind), *(own.key for own in owned)]
    return [found for name in dict.fromkeys(names) if (found := find(kind, name, book)) is not None]


def built_in(kind: type[models.Model]) -> list[str]:
    """The names that fields of the company's own may not have: columns, and what is declared."""
    columns = [f.name for f in kind._meta.concrete_fields if f.name not in HIDDEN]
    return list(dict.fromkeys([*columns, *_declared.get(kind, {})]))


def offered_fields(kind: type[models.Model]) -> list[Field]:
    """The declared fields by whose values lists offer a filter."""
    return [one for one in _declared.get(kind, {}).values() if one.offered]


# Columns that are for the program alone: by name, and by what they are.
OF_THE_PROGRAM = (models.GeneratedField, PhoneKey)
HIDDEN = frozenset(("id", "version", "kept", "search", "criteria_met"))


def kind_of(column: models.Field[Any, Any]) -> Kind:
    """What is entered in a column."""
    if isinstance(column, models.ForeignKey):
        return "person" if column.related_model._meta.label == "people.User" else "record"  # type: ignore[union-attr]
    if column.choices:
        return "choice"
    if isinstance(column, models.DecimalField):
        return "money"
    kinds: Sequence[tuple[type[models.Field[Any, Any]], Kind]] = (
        (models.DateTimeField, "datetime"),
        (models.DateField, "date"),
        (models.BooleanField, "yes_no"),
        (models.IntegerField, "number"),
        (models.URLField, "link"),
    )
    return next((kind for one, kind in kinds if isinstance(column, one)), "text")


def _choices_of(column: models.Field[Any, Any]) -> Choices | None:
    if not column.choices:
        return None
    return lambda: [(str(key), str(label)) for key, label in column.flatchoices]
