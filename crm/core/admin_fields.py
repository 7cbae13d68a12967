"""Fields of admin forms that hold whatever is sent to them, so that a form is shown again with its error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.utils.formats import date_format

from crm.core.text import whole_number

# Django's forms are generic to the type checker only.
if TYPE_CHECKING:
    ChoiceOfRecord = forms.ModelChoiceField[Any]
else:
    ChoiceOfRecord = forms.ModelChoiceField


class PersonChoice(ChoiceOfRecord):
    """A choice of a colleague; who is away now says until when (`User.objects.to_choose`)."""

    @staticmethod
    def said(person: Any) -> str:
        """The name, and the last day away."""
        until = getattr(person, "away_until", None)
        return f"{person} (away until {date_format(until, 'MONTH_DAY_FORMAT')})" if until else str(person)

    def label_from_instance(self, obj: Any) -> str:
        return self.said(obj)


class RecordSelect(AutocompleteSelect):
    """A choice of a related record by search; what is no id is not looked for."""

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        """The chosen record, if there is one."""
        return super().optgroups(name, [one for one in value if whole_number(str(one)) is not None], attr)


def possible_values(kind: type[models.Model], given: Mapping[str, Any]) -> dict[str, Any]:
    """Of the values that a link gives a new record, those that their fields can hold."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        try:
            field: Any = kind._meta.get_field(name)
        except FieldDoesNotExist:
            found[name] = value
            continue
        if not field.concrete or field.many_to_many:
            found[name] = value
        elif isinstance(field, models.ForeignKey):
            if whole_number(value) is not None:
                found[name] = value
        else:
            try:
                found[name] = field.to_python(value)
            except ValidationError:
                continue
    return found
