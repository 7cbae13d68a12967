"""Which record gives which value: what differs between records, what is taken by default, and what was chosen.

An address is one value: it is taken whole from the record where it is most complete, never half from one and half from
another. Whatever is left empty by the survivor comes from the others; nothing that somebody entered is overwritten
unless they choose so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db import models
from django.urls import reverse

from crm.core.display import names_of, shown
from crm.core.errors import Missing, Refused
from crm.core.flow import Stateful
from crm.core.labels import field_label
from crm.duplicates.kinds import Mergeable, crossing_of, kind_of

DIFFER, ONE, SAME, NONE = "differ", "one", "same", "none"


def ref(record: models.Model) -> str:
    """A record as pages and programs name it: `lead:7`."""
    return f"{record._meta.model_name}:{record.pk}"


def compare_address(refs: Sequence[str]) -> str:
    """Where these are compared; the first one stays unless somebody chooses otherwise."""
    return f"{reverse('admin:duplicates_compare')}?{urlencode([('record', one) for one in refs])}"


@dataclass(frozen=True, slots=True)
class Option:
    """One value that a row can take: `key` is the record it stands in (`lead:7`), or a field of it (`lead:7.email`)."""

    key: str
    record: str
    values: tuple[Any, ...]
    lines: tuple[str, ...]
    full: int


@dataclass(frozen=True, slots=True)
class Row:
    """One field, or several that are one value, over all records: the options, and which is taken by default."""

    name: str
    label: str
    fields: tuple[str, ...]
    options: tuple[Option, ...]
    default: str
    state: str

    def option(self, key: str) -> Option | None:
        """The option of that key."""
        return next((one for one in self.options if one.key == key), None)


def fields_of(kind: Mergeable) -> list[tuple[str, str, tuple[Any, ...]]]:
    """What can be chosen: (name, label, fields) in the model's order, those that are one value at their first."""
    grouped = {name: label for label, names in kind.together.items() for name in names}
    flow = kind.model.FLOW if issubclass(kind.model, Stateful) else ""
    found: list[tuple[str, str, tuple[Any, ...]]] = []
    met: set[str] = set()
    for one in kind.model._meta.concrete_fields:
        if not one.editable or one.primary_key or isinstance(one, models.GeneratedField):
            continue
        if one.name == flow or one.name in kind.aside:
            continue
        label = grouped.get(one.name)
        if label is None:
            found.append((one.name, field_label(one), (one,)))
        elif label not in met:
            met.add(label)
            members = kind.together[label]
            fields = tuple(kind.model._meta.get_field(name) for name in members)
            found.append((members[0], label, fields))
    return found


def value_of(record: Any, kind: Mergeable, name: str) -> Any:
    """A record's value for a field of the survivor's kind; None where its own kind has none."""
    if type(record) is kind.model:
        return getattr(record, kind.model._meta.get_field(name).attname)  # type: ignore[union-attr]
    source = crossing_of(type(record), kind.model).fields.get(name)
    return getattr(record, type(record)._meta.get_field(source).attname) if source else None  # type: ignore[union-attr]


def says_nothing(kind: Mergeable, name: str, value: Any) -> bool:
    """Whether the value is none that anybody entered."""
    return value in (None, "", False) or value == [] or kind.empty.get(name, ...) == value


def compare(survivor: Any, others: Sequence[Any]) -> list[Row]:
    """Every field of the survivor's kind over these records, what differs first; what nobody has is left out."""
    kind = kind_of(str(survivor._meta.model_name))
    records = [survivor, *others]

    def given_by(fields: tuple[Any, ...]) -> list[tuple[Any, tuple[Any, ...]]]:
        return [(record, tuple(value_of(record, kind, one.name) for one in fields)) for record in records]

    picked = [(name, label, fields, given_by(fields)) for name, label, fields in fields_of(kind)]
    names = names_of(
        pair for _, _, fields, given in picked for _, values in given for pair in zip(fields, values, strict=True)
    )
    rows = [_row(kind, name, label, fields, given, names, records) for name, label, fields, given in picked]
    order = {DIFFER: 0, ONE: 1, SAME: 2}
    return sorted((row for row in rows if row.state != NONE), key=lambda row: order[row.state])


def _row(
    kind: Mergeable,
    name: str,
    label: str,
    fields: tuple[Any, ...],
    given: Sequence[tuple[Any, tuple[Any, ...]]],
    names: Any,
    records: Sequence[Any],
) -> Row:
    options = [_option(kind, ref(record), ref(record), fields, values, names) for record, values in given]
    default = _default(options)
    if name in kind.spare and not next(one for one in options if one.key == default).full:
        # The survivor keeps its own address: another's is kept beside it, not lost.
        source = kind.spare[name]
        own = _same(value_of(records[0], kind, source))
        for record in records[1:]:
            value = value_of(record, kind, source)
            if own and not says_nothing(kind, source, value) and _same(value) != own:
                key = f"{ref(record)}.{source}"
                options.append(_option(kind, key, ref(record), fields, (value,), names))
        default = next((one.key for one in options if one.full), default)
    filled = [one for one in options if one.full]
    different = {tuple(map(_same, one.values)) for one in filled}
    state = NONE if not filled else DIFFER if len(different) > 1 else SAME if len(filled) == len(options) else ONE
    return Row(name, label, tuple(one.name for one in fields), tuple(options), default, state)


def _option(
    kind: Mergeable, key: str, record: str, fields: tuple[Any, ...], values: tuple[Any, ...], names: Any
) -> Option:
    said = [not says_nothing(kind, one.name, value) for one, value in zip(fields, values, strict=True)]
    lines = tuple(shown(one, value, names) for one, value, full in zip(fields, values, said, strict=True) if full)
    return Option(key, record, values, lines, sum(said))


def _default(options: Sequence[Option]) -> str:
    """The survivor's, or else the most complete; of one value among several, only a more complete one is better."""
    best = options[0]
    if len(best.values) > 1 or not best.full:
        for one in options[1:]:
            best = one if one.full > best.full else best
    return best.key


def _same(value: Any) -> Any:
    return " ".join(value.casefold().split()) if isinstance(value, str) else value


def choose(rows: Iterable[Row], choices: Mapping[str, str]) -> dict[str, Any]:
    """The value of every field: the chosen option's, else the default's.

    Raises:
        Refused: `missing_facts` naming each choice that names no field, or no option of it.
    """
    known = {row.name: row for row in rows}
    wrong = []
    for name, key in choices.items():
        row = known.get(name)
        if row is None:
            said = f"“{name[:60]}” is nothing to choose: {', '.join(known) or 'nothing is'}."
            wrong.append(Missing("unknown_choice", said, name))
        elif row.option(key) is None:
            said = f"{row.label}: choose one of {', '.join(one.key for one in row.options)}."
            wrong.append(Missing("invalid_choice", said, name))
    if wrong:
        raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)
    values: dict[str, Any] = {}
    for row in known.values():
        option = row.option(choices.get(row.name, row.default))
        for name, value in zip(row.fields, option.values if option else (), strict=True):
            values[name] = value
    return values
