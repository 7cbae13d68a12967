"""The conditions of a list view: which rows each means, and what it is called in words.

A condition is `{"field": "type", "operator": "is", "values": ["customer"]}`. Values are what is stored: the keys of
picklists, ids, numbers, days as 2026-05-31. Beside them `me`, `my_team` and `nobody` for people and teams, `today`,
`today+7` and `today-30` for days in the company's calendar, `yes` and `no`. Every value reaches the database as a
parameter, and no condition on a column looks into another table.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.text import capfirst

from crm import handbook
from crm.core.display import plain_text
from crm.core.errors import Refused
from crm.core.text import tidy, whole_number
from crm.people.models import Team, User
from crm.workspace.conditions_kept import kept_rows
from crm.workspace.fields import Field, find

EMPTY, NOT_EMPTY = "empty", "not_empty"
WITHOUT_VALUE = (EMPTY, NOT_EMPTY)
EQUAL = ("is", "is_not")
# What each operator is called: of days otherwise than of numbers.
WORDS = {
    "is": "is",
    "is_not": "is not",
    "contains": "contains",
    "at_least": "is at least",
    "at_most": "is at most",
    EMPTY: "is empty",
    NOT_EMPTY: "is not empty",
}
DAY_WORDS = {"at_least": "is on or after", "at_most": "is on or before"}
OPERATORS: Mapping[str, Sequence[str]] = {
    "text": ("contains", *EQUAL, *WITHOUT_VALUE),
    "link": ("contains", *EQUAL, *WITHOUT_VALUE),
    "choice": (*EQUAL, *WITHOUT_VALUE),
    "person": (*EQUAL, *WITHOUT_VALUE),
    "record": (*EQUAL, *WITHOUT_VALUE),
    "number": ("at_least", "at_most", *EQUAL, *WITHOUT_VALUE),
    "money": ("at_least", "at_most", *EQUAL, *WITHOUT_VALUE),
    "date": ("at_most", "at_least", *EQUAL, *WITHOUT_VALUE),
    "datetime": ("at_most", "at_least", *EQUAL, *WITHOUT_VALUE),
    "yes_no": ("is",),
}
RELATIVE = re.compile(r"^today(?:\s*([+-])\s*(\d{1,4}))?$")
NUMBER = re.compile(r"^-?\d{1,15}(\.\d{1,6})?$")
MOST_VALUES = 100


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: the field's label, what is asked of it in words, and the rows that have it.

    `note` says what a reader should know of it: that a value left the handbook.
    """

    field: str
    title: str
    words: str
    rows: Q
    note: str = ""


@dataclass(frozen=True, slots=True)
class Meant:
    """What the values of a condition mean to this reader, and each in words."""

    values: list[Any]
    words: list[str]
    note: str = ""


def filterable(field: Field) -> bool:
    """Whether lists can be filtered by it: computed fields only if their app says how."""
    return bool(field.condition or field.kept_as or field.column or field.parts)


def operators_of(field: Field) -> list[tuple[str, str]]:
    """The operators a field has, each with what it is called."""
    said = WORDS | (DAY_WORDS if field.kind in ("date", "datetime") else {})
    return [(key, said[key]) for key in OPERATORS[field.kind]]


def read_condition(kind: type[models.Model], stored: Mapping[str, Any], *, reader: User, at: datetime) -> Condition:
    """What a stored condition means to this reader at this moment.

    Raises:
        Refused: `unknown_field`, `bad_operator` or `bad_value`, with a sentence that says which.
    """
    name, operator = str(stored.get("field", "")), str(stored.get("operator") or "is")
    field = find(kind, name)
    if field is None or not filterable(field):
        raise Refused("unknown_field", f"There is no field “{name}” to filter {kind._meta.verbose_name_plural} by.")
    if operator not in OPERATORS[field.kind]:
        raise Refused("bad_operator", f"{capfirst(field.label)} cannot be asked whether it {_asked(operator)}.")
    given = stored.get("values") or ()
    values = [tidy(str(value)) for value in given] if isinstance(given, list | tuple) else [tidy(str(given))]
    values = [value for value in values if value]
    if operator in WITHOUT_VALUE:
        words = "empty" if operator == EMPTY else "not empty"
        return Condition(name, field.label, words, _rows(kind, field, operator, [], at))
    if not values or len(values) > MOST_VALUES or (operator not in EQUAL and len(values) > 1):
        raise Refused("bad_value", f"Say what {field.label} {_asked(operator)}.")
    meant = _meant(kind, field, values, reader, at)
    return Condition(
        name,
        field.label,
        _spoken(field, operator, meant.words),
        _rows(kind, field, operator, meant.values, at),
        meant.note,
    )


def read_day(text: str, today: date) -> date:
    """A day as conditions write it: `2026-05-31`, `today`, `today+7`, `today-30`.

    Raises:
        Refused: `bad_value` for anything else.
    """
    given = text.lower()
    if found := RELATIVE.match(given):
        days = timedelta(days=int(found[2] or 0))
        return today - days if found[1] == "-" else today + days
    try:
        return date.fromisoformat(given)
    except ValueError:
        message = f"“{text}” is no day. Write it as 2026-05-31, today, today+7 or today-30."
        raise Refused("bad_value", message) from None


# --- values -----------------------------------------------------------------------------------------------------------


def _meant(kind: type[models.Model], field: Field, values: list[str], reader: User, at: datetime) -> Meant:
    if field.kind in ("date", "datetime"):
        days = [read_day(value, handbook.current().today(at)) for value in values]
        return Meant(days, [_day_words(value, day) for value, day in zip(values, days, strict=True)])
    if field.kind in ("number", "money"):
        if wrong := next((value for value in values if not NUMBER.match(value)), None):
            raise Refused("bad_value", f"“{wrong}” is no number for {field.label}.")
        return Meant([Decimal(value) for value in values], [plain_text(Decimal(value)) for value in values])
    if field.kind == "yes_no":
        if wrong := next((value for value in values if value not in ("yes", "no")), None):
            raise Refused("bad_value", f"{capfirst(field.label)} is “yes” or “no”, and never “{wrong}”.")
        return Meant(values, [value.capitalize() for value in values])
    if field.kind == "person" or _is_team(kind, field):
        return _people(kind, field, values, reader)
    if field.choices is not None:
        labels = dict(field.choices())
        gone = next((value for value in values if value not in labels), None)
        note = f"“{gone}” is no {field.label} any more: records that still have it are shown." if gone else ""
        return Meant(values, [labels.get(value, value) for value in values], note)
    if field.kind == "record" and field.column:
        return _records(kind, field, values)
    return Meant(values, [f"“{value}”" for value in values])


def _day_words(written: str, day: date) -> str:
    said = plain_text(day)
    return f"{written.lower()} ({said})" if RELATIVE.match(written.lower()) else said


def _is_team(kind: type[models.Model], field: Field) -> bool:
    return field.kind == "record" and bool(field.column) and _target(kind, field) is Team


def _target(kind: type[models.Model], field: Field) -> type[models.Model]:
    return kind._meta.get_field(field.column).related_model  # type: ignore[return-value]


def _people(kind: type[models.Model], field: Field, values: list[str], reader: User) -> Meant:
    """Ids of people or teams; None stands for nobody."""
    teams = _is_team(kind, field)
    ids = [pk for value in values if (pk := whole_number(value)) is not None]
    found: dict[int, Any] = (Team if teams else User)._base_manager.in_bulk(ids) if ids else {}
    wanted: list[Any] = []
    words: list[str] = []
    for value in values:
        if value == "nobody":
            wanted.append(None)
            words.append("No team" if teams else "Nobody")
        elif value == "me" and not teams:
            wanted.append(reader.pk)
            words.append("Me")
        elif value == "my_team":
            own = reader.team_id
            mates = User.objects.filter(team=own).values_list("pk", flat=True) if own and not teams else [own or 0]
            # Who is in no team has nobody in it: no row has this id.
            wanted.extend(mates or [0])
            words.append("My team" if own else "My team (you are in none)")
        elif (pk := whole_number(value)) in found:
            wanted.append(pk)
            words.append(str(found[pk]))  # type: ignore[index]
        else:
            raise Refused("bad_value", f"There is no “{value}” for {field.label}.")
    return Meant(wanted, words)


def _records(kind: type[models.Model], field: Field, values: list[str]) -> Meant:
    ids = [whole_number(value) or 0 for value in values]
    found = _target(kind, field)._base_manager.in_bulk(ids)
    if set(ids) - set(found):
        raise Refused("bad_value", f"The {field.label} that is asked for is no longer there.")
    return Meant(list(ids), [str(found[pk]) for pk in ids])


def _spoken(field: Field, operator: str, words: list[str]) -> str:
    said = " or ".join(words)
    if operator == "is":
        return said
    if operator == "is_not":
        return f"not {said}"
    if operator == "contains":
        return f"contains {said}"
    day = field.kind in ("date", "datetime")
    if operator == "at_least":
        return f"from {said} on" if day else f"at least {said}"
    return f"until {said}" if day else f"at most {said}"


def _asked(operator: str) -> str:
    return WORDS.get(operator, f"“{operator}”")


# --- rows -------------------------------------------------------------------------------------------------------------


def _rows(kind: type[models.Model], field: Field, operator: str, values: list[Any], at: datetime) -> Q:
    if field.condition is not None:
        try:
            return field.condition(operator, [_as_text(value) for value in values], at)
        except (ValueError, KeyError, TypeError) as error:
            raise Refused("bad_value", f"Lists cannot be filtered by this {field.label}.") from error
    if field.kept_as:
        return kept_rows(field, operator, values)
    names = (field.column,) if field.column else field.parts
    if operator in WITHOUT_VALUE:
        nothing = Q(*(_empty(kind, name) for name in names))
        return nothing if operator == EMPTY else ~nothing
    if operator in EQUAL:
        found = Q(pk__in=[])
        for name in names:
            found |= _equal(kind, field, name, values)
        return found if operator == "is" else ~found
    if operator == "contains":
        found = Q(pk__in=[])
        for name in names:
            found |= _contains(kind, name, str(values[0]))
        return found
    lookup, value = ("gte" if operator == "at_least" else "lte"), values[0]
    if field.kind == "datetime":
        # The whole of the day belongs to it, in the company's zone.
        lookup, value = ("gte", _begin(value)) if operator == "at_least" else ("lt", _begin(value + timedelta(days=1)))
    return Q(**{f"{names[0]}__{lookup}": value})


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)


def _begin(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=handbook.current().zone)


def _empty(kind: type[models.Model], name: str) -> Q:
    column: Any = kind._meta.get_field(name)
    if column.null:
        return Q(**{f"{name}__isnull": True})
    # What is neither text nor optional is never empty.
    return Q(**{name: ""}) if isinstance(column, models.CharField | models.TextField) else Q(pk__in=[])


def _equal(kind: type[models.Model], field: Field, name: str, values: list[Any]) -> Q:
    if field.kind == "datetime":
        found = Q(pk__in=[])
        for day in values:
            found |= Q(**{f"{name}__gte": _begin(day), f"{name}__lt": _begin(day + timedelta(days=1))})
        return found
    if field.kind == "yes_no":
        return Q(**{f"{name}__in": [value == "yes" for value in values]})
    if field.kind in ("text", "link") and field.choices is None:
        found = Q(pk__in=[])
        for value in values:
            found |= Q(**{f"{name}__iexact": value}) & _likely(kind, name, value)
        return found
    given = [value for value in values if value is not None]
    found = Q(**{f"{name}__in": given}) if given else Q(pk__in=[])
    return found | Q(**{f"{name}__isnull": True}) if len(given) < len(values) else found


def _contains(kind: type[models.Model], name: str, term: str) -> Q:
    key = f"{name}_key"
    if name == "name" and any(column.name == key for column in kind._meta.concrete_fields):
        return Q(**{f"{key}__contains": _plain(term)})
    return Q(**{f"{name}__icontains": term}) & _likely(kind, name, term)


def _likely(kind: type[models.Model], name: str, term: str) -> Q:
    """What the trigram index of the searched columns narrows it down to, where this column is one of them."""
    column: Any = next((one for one in kind._meta.concrete_fields if one.name == "search"), None)
    if column is None or len(term) < 3:
        return Q()
    sources = {getattr(one, "name", "") for one in column.expression.get_source_expressions()}
    return Q(search__contains=_plain(term, spaces=False)) if name in sources else Q()


def _plain(term: str, *, spaces: bool = True) -> str:
    """As the database's `name_key` and `search_text` write it."""
    text = unicodedata.normalize("NFKC", term).lower()
    return re.sub(r"\s+", " ", text).strip() if spaces else text
