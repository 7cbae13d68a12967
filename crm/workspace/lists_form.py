"""The editor of a view between two requests: everything is in its form, and every button posts the whole of it.

So columns are added, moved and taken away, and conditions too, by keyboard, on a phone and without a script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.text import capfirst

from crm.core.errors import Missing
from crm.core.text import tidy
from crm.people.models import User
from crm.workspace.conditions import OPERATORS, WITHOUT_VALUE, filterable, operators_of
from crm.workspace.fields import Field, fields_of, find
from crm.workspace.lists import sortable
from crm.workspace.lists_chosen import kind_named
from crm.workspace.lists_filters import filter_choices, record_choices
from crm.workspace.models import ListView

ME, SHARED, EVERYBODY = "me", "shared", "everybody"
Choice = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One column of the view: its field, and whether it can go further up or down."""

    name: str
    label: str
    gone: bool
    first: bool
    last: bool


@dataclass(frozen=True, slots=True)
class ConditionRow:
    """One condition: its field, its operators, and its values to choose from, to look for by name, or to type."""

    place: int
    name: str
    label: str
    operator: str
    operators: Sequence[Choice]
    choices: Sequence[tuple[str, str, bool]] | None
    typed: Sequence[str]
    hint: str
    problems: Sequence[Missing]
    # What related records are looked for by; None where they are not.
    term: str | None = None


@dataclass(slots=True)
class Editor:
    """What the form holds: the view as it would be saved, and what is wrong with it."""

    view: ListView
    reader: User
    audience: str = ME
    problems: list[Missing] = field(default_factory=list)
    terms: dict[int, str] = field(default_factory=dict)

    @property
    def fields(self) -> list[Field]:
        """Every field of this kind of record, by its label."""
        return sorted(fields_of(kind_named(self.view.object)), key=lambda one: one.label.lower())

    @property
    def columns(self) -> list[ColumnRow]:
        """The columns in their order."""
        names, kind = self.view.columns, kind_named(self.view.object)
        rows = []
        for place, name in enumerate(names):
            found = find(kind, name)
            label = str(capfirst(found.label)) if found else f"“{name}”, which is gone"
            rows.append(ColumnRow(name, label, found is None, place == 0, place == len(names) - 1))
        return rows

    @property
    def more_columns(self) -> list[Choice]:
        """Fields that are no column yet."""
        return [(one.name, str(capfirst(one.label))) for one in self.fields if one.name not in self.view.columns]

    @property
    def more_conditions(self) -> list[Choice]:
        """Fields that lists can be filtered by."""
        return [(one.name, str(capfirst(one.label))) for one in self.fields if filterable(one) and _askable(one)]

    @property
    def sorts(self) -> list[Choice]:
        """Fields that rows can be sorted by."""
        return [(one.name, str(capfirst(one.label))) for one in self.fields if sortable(one)]

    @property
    def sorted_by(self) -> str:
        """The field it is sorted by; empty for the list's own order."""
        return self.view.sort.removeprefix("-")

    @property
    def downwards(self) -> bool:
        """Whether the last comes first."""
        return self.view.sort.startswith("-")

    @property
    def conditions(self) -> list[ConditionRow]:
        """The conditions in their order."""
        return [self._row(place, stored) for place, stored in enumerate(self.view.filters)]

    def _row(self, place: int, stored: Mapping[str, Any]) -> ConditionRow:
        name = str(stored.get("field", ""))
        operator = str(stored.get("operator") or "is")
        values = [str(value) for value in stored.get("values") or []]
        found = find(kind_named(self.view.object), name)
        problems = [one for one in self.problems if one.field == f"filters.{place}"]
        if found is None or found.kind not in OPERATORS:
            return ConditionRow(place, name, f"“{name}”, which is gone", operator, [], None, values, "", problems)
        offered = filter_choices(found, self.reader) if operator not in WITHOUT_VALUE else None
        choices, term = None, None
        if offered is not None:
            known = {key for key, _ in offered}
            gone = [(value, value) for value in values if value not in known]
            choices = [(key, label, key in values) for key, label in [*offered, *gone]]
        elif found.kind == "record" and found.column and operator not in WITHOUT_VALUE:
            term = self.terms.get(place, "")
            named = record_choices(kind_named(self.view.object), found, values, term, self.reader)
            choices = [(key, label, key in values) for key, label in named]
        several = operator in ("is", "is_not")
        typed = (
            [] if choices is not None or operator in WITHOUT_VALUE else values + ([""] if several or not values else [])
        )
        label = str(capfirst(found.label))
        return ConditionRow(
            place, name, label, operator, operators_of(found), choices, typed, _hint(found), problems, term
        )

    def problems_with(self, name: str) -> list[Missing]:
        """What is wrong with one part of the form."""
        return [one for one in self.problems if one.field == name]

    @property
    def title_problems(self) -> list[Missing]:
        """What is wrong with the name."""
        return self.problems_with("title")

    @property
    def column_problems(self) -> list[Missing]:
        """What is wrong with the columns."""
        return self.problems_with("columns")

    @property
    def other_problems(self) -> list[Missing]:
        """What is wrong with nothing in particular."""
        return [one for one in self.problems if one.field in ("", "filters", "sort")]


def _askable(found: Field) -> bool:
    """Whether a condition on it can be put together by choosing or typing."""
    return found.kind != "record" or found.choices is not None or bool(found.column)


def _hint(found: Field) -> str:
    if found.kind in ("date", "datetime"):
        return "A day as 2026-05-31, or today, today+7, today-30."
    return ""


# --- reading what was sent --------------------------------------------------------------------------------------------


def read_form(view: ListView, sent: QueryDict, *, reader: User) -> Editor:
    """The view as the form has it, after what its button asked for: `do` is "add:columns", "up:owner", "drop:2" …"""
    view.title = tidy(sent.get("title", ""))[:200]
    view.columns = [name for name in dict.fromkeys(sent.getlist("columns")) if name][:100]
    view.filters = [_condition(sent, place) for place in range(min(_number(sent.get("conditions", "")), 100))]
    sort = sent.get("sort", "")
    view.sort = f"-{sort}" if sort and sent.get("downwards") else sort
    audience = sent.get("audience", ME)
    if audience == EVERYBODY:
        view.user, view.shared = None, False
    else:
        view.user, view.shared = (view.user if view.user_id else reader), audience == SHARED
    editor = Editor(view, reader, audience)
    if not sent.get("do", "").startswith("drop:"):
        editor.terms = {place: sent.get(f"find_{place}", "")[:200] for place in range(len(view.filters))}
    _do(view, sent)
    return editor


def _condition(sent: QueryDict, place: int) -> dict[str, Any]:
    values = [tidy(value) for value in sent.getlist(f"values_{place}")]
    return {
        "field": sent.get(f"field_{place}", ""),
        "operator": sent.get(f"operator_{place}", "is"),
        "values": [value for value in dict.fromkeys(values) if value][:100],
    }


def _do(view: ListView, sent: QueryDict) -> None:
    verb, _, what = sent.get("do", "").partition(":")
    if verb == "add" and what == "columns" and (name := sent.get("add_column", "")):
        view.columns = [*(one for one in view.columns if one != name), name]
    elif verb == "add" and what == "conditions" and (name := sent.get("add_condition", "")):
        found = find(kind_named(view.object), name)
        first = OPERATORS[found.kind][0] if found is not None else "is"
        view.filters = [*view.filters, {"field": name, "operator": first, "values": []}]
    elif verb in ("up", "down") and what in view.columns:
        place = view.columns.index(what)
        other = place - 1 if verb == "up" else place + 1
        if 0 <= other < len(view.columns):
            view.columns[place], view.columns[other] = view.columns[other], view.columns[place]
    elif verb == "take":
        view.columns = [name for name in view.columns if name != what]
    elif verb == "drop":
        view.filters = [one for place, one in enumerate(view.filters) if str(place) != what]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0
