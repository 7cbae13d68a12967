"""Filters of a list that follow from fields: of the company's own ones, and of those an app says conditions for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import models
from django.http import HttpRequest

from crm import handbook
from crm.core.admin_list import PickFilter
from crm.core.asking import moment, user_of
from crm.core.permissions import may
from crm.core.text import tidy, whole_number
from crm.people.models import User
from crm.workspace.conditions import read_condition
from crm.workspace.fields import Field, find, offered_fields

# Of what a term finds so many: a longer term finds fewer.
FOUND = 10
YES_NO = [("yes", "Yes"), ("no", "No")]


_added: dict[type[models.Model], list[type[PickFilter]]] = {}


def add_filter(kind: type[models.Model], filter_: type[PickFilter]) -> None:
    """Let the list of a kind of record have a filter of a higher layer: a page's numbers open what they count."""
    _added.setdefault(kind, []).append(filter_)


def by_field(kind: type[models.Model], name: str, *, title: str = "") -> type[PickFilter]:
    """A filter by the values of a field with choices, or by yes and no; what they mean says its condition."""

    class ByField(PickFilter):
        def options(self, request: HttpRequest) -> list[tuple[str, str]]:
            found = find(kind, name)
            if found is None:
                return []
            return list(found.choices()) if found.choices is not None else list(YES_NO)

        def condition(self, request: HttpRequest, picked: list[str]) -> models.Q:
            stored = {"field": name, "operator": "is", "values": picked}
            return read_condition(kind, stored, reader=user_of(request), at=moment(request)).rows

        @property
        def about(self) -> str:
            return name

    ByField.title, ByField.parameter_name = title or name.replace("_", " "), name
    return ByField


def own_filters(kind: type[models.Model]) -> list[type[PickFilter]]:
    """A filter for each declared field that is offered, and for each of the company's own that has few values."""
    own = handbook.current().own_fields_of(str(kind._meta.model_name))
    pick = partial(by_field, kind)
    offered = [pick(one.name, title=one.label) for one in offered_fields(kind)]
    few = [pick(one.key, title=one.label) for one in own if one.type in ("choice", "yes_no")]
    return [*offered, *few, *_added.get(kind, ())]


def filter_choices(field: Field, reader: Any) -> list[tuple[str, str]] | None:
    """What to choose from when a condition on a field is put together; None where a value is typed."""
    from crm.people.models import Team

    if field.kind == "yes_no":
        return list(YES_NO)
    if field.kind == "person":
        people = [(str(one.pk), str(one)) for one in User.objects.active_people()]
        return [("me", "Me"), ("my_team", "My team"), ("nobody", "Nobody"), *people]
    if field.choices is not None:
        return list(field.choices())
    if field.kind == "record" and field.column == "queue":
        return [
            ("my_team", "My team"),
            ("nobody", "No team"),
            *((str(one.pk), str(one)) for one in Team.objects.order_by("name")),
        ]
    return None


def record_choices(
    kind: type[models.Model], field: Field, chosen: Sequence[str], term: str, reader: User
) -> list[tuple[str, str]]:
    """The records that a condition names already, by their names, and those that a term finds."""
    target: Any = kind._meta.get_field(field.column).related_model
    ids = {number for value in chosen if (number := whole_number(value)) is not None}
    named = target._default_manager.in_bulk(ids) if ids else {}
    found = [(value, _name(named.get(whole_number(value) or 0), value, reader)) for value in chosen]
    if wanted := tidy(term).lower():
        rows = target._default_manager.search(wanted).order_by("-pk")[:FOUND]
        met = {value for value, _ in found}
        found += [(str(one.pk), str(one)) for one in rows if str(one.pk) not in met and may(reader, "view", one)]
    return found


def _name(record: Any, value: str, reader: User) -> str:
    if record is None:
        return f"Number {value}, which is gone"
    return str(record) if may(reader, "view", record) else f"Number {value}"
