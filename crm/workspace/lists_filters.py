"""Filters of a list that follow from fields: of the company's own ones, and of those an app says conditions for."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import models
from django.http import HttpRequest

from crm import handbook
from crm.core.admin_list import PickFilter
from crm.core.asking import moment, user_of
from crm.workspace.conditions import read_condition
from crm.workspace.fields import Field, find, offered_fields

YES_NO = [("yes", "Yes"), ("no", "No")]


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
    return offered + [pick(one.key, title=one.label) for one in own if one.type in ("choice", "yes_no")]


def filter_choices(field: Field, reader: Any) -> list[tuple[str, str]] | None:
    """What to choose from when a condition on a field is put together; None where a value is typed."""
    from crm.people.models import Team, User

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
