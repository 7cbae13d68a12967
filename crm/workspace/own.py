"""Fields of the company's own on a page's form: declared in the handbook, kept beside what an import kept.

A value is stored as text, as an import stores it: a number as it is written, a day as 2026-05-31, yes as "true". One
that does not have the form of its type is shown as it stands, and stays until somebody types another.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from django import forms
from unfold import widgets

from crm.core.admin_edit import RecordForm
from crm.core.display import EMPTY, plain_text
from crm.core.edit import Meanwhile
from crm.core.text import tidy
from crm.workspace.fields import Field

YES_NO = [("true", "Yes"), ("false", "No")]
TRUE, FALSE = ("true", "yes", "1"), ("false", "no", "0")


def own_value(field: Field, raw: Any) -> Any:
    """What a kept value means by its type; the value itself when it has another form."""
    text = tidy(str(raw)) if raw is not None else ""
    try:
        if field.kind == "number":
            return Decimal(text) if text else None
        if field.kind == "date":
            return date.fromisoformat(text) if text else None
    except (InvalidOperation, ValueError):
        return text
    if field.kind == "yes_no" and text.lower() in (*TRUE, *FALSE):
        return text.lower() in TRUE
    return text


def words_of(field: Field, raw: Any) -> str:
    """A kept value in words."""
    if raw in (None, ""):
        return EMPTY
    value = own_value(field, raw)
    return str(dict(field.choices()).get(str(value), value)) if field.choices else plain_text(value)


def input_for(field: Field) -> forms.Field:
    """The form's field of an own field, by its type."""
    asked: dict[str, Any] = {"label": field.label, "required": False, "help_text": field.help}
    match field.kind:
        case "number":
            return forms.DecimalField(
                max_digits=20, decimal_places=6, widget=widgets.UnfoldAdminDecimalFieldWidget, **asked
            )
        case "date":
            return forms.DateField(widget=widgets.UnfoldAdminSingleDateWidget, **asked)
        case "link":
            return forms.URLField(
                max_length=500,
                assume_scheme="https",
                widget=widgets.UnfoldAdminTextInputWidget(attrs={"type": "url"}),
                **asked,
            )
        case "yes_no":
            return forms.TypedChoiceField(
                choices=[("", "---------"), *YES_NO], widget=widgets.UnfoldAdminSelectWidget, **asked
            )
        case "choice":
            choices = field.choices() if field.choices else []
            return forms.TypedChoiceField(
                choices=[("", "---------"), *choices], widget=widgets.UnfoldAdminSelectWidget, **asked
            )
    return forms.CharField(max_length=2000, widget=widgets.UnfoldAdminTextInputWidget, **asked)


def _initial(field: Field, raw: Any) -> Any:
    value = own_value(field, raw)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value


def kept_text(value: Any) -> str:
    """A cleaned value as it is stored."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return value.isoformat() if isinstance(value, date) else str(value)


class PageForm(RecordForm):
    """A record's form with own fields: `own` says, by the form's field, which. Other kept values stay as they are."""

    own: ClassVar[Mapping[str, Field]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if self.own and kwargs.get("instance") is not None:
            kept = _mapping(kwargs["instance"].kept)
            first = {name: _initial(field, kept.get(field.kept_as)) for name, field in self.own.items()}
            kwargs["initial"] = {**first, **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)

    @property
    def changed_columns(self) -> list[str]:
        """The columns that were typed in; the one of kept values when an own field was."""
        typed = set(self.changed_data).intersection(self.own)
        return [*super().changed_columns, *(["kept"] if typed else [])]

    def _post_clean(self) -> None:
        for name in self.own:
            # What an import kept in another form may stand while nobody types another.
            if name not in self.changed_data:
                self.errors.pop(name, None)
        super()._post_clean()
        typed = [name for name in self.own if name in self.changed_data and name in self.cleaned_data]
        if not typed:
            return
        # The instance is the row as it is now; its version is compared in the statement that writes.
        kept = dict(_mapping(self.instance.kept))
        for name in typed:
            value = self.cleaned_data[name]
            if value in (None, ""):
                kept.pop(self.own[name].kept_as, None)
            else:
                kept[self.own[name].kept_as] = kept_text(value)
        self.instance.kept = kept

    # --- what others did meanwhile ------------------------------------------------------------------------------------

    def said(self, name: str, *values: Any) -> tuple[str, ...]:
        """Values of a field in words."""
        if name in self.own:
            return tuple(words_of(self.own[name], value) for value in values)
        return super().said(name, *values)

    def label_of(self, name: str) -> str:
        """The field's label."""
        return self.own[name].label if name in self.own else super().label_of(name)

    def meanwhile_of(self, model_field: Any, before: Any, theirs: Any, transaction: Any) -> list[Meanwhile]:
        """Of the kept values, one by one those that are fields; what else an import kept is nobody's collision."""
        if model_field.name != "kept":
            return super().meanwhile_of(model_field, before, theirs, transaction)
        was, now = _mapping(before), _mapping(theirs)
        return [
            self.compare(name, _initial(field, was.get(field.kept_as)), now.get(field.kept_as), transaction)
            for name, field in self.own.items()
            if was.get(field.kept_as) != now.get(field.kept_as)
        ]


def _mapping(kept: Any) -> Mapping[str, Any]:
    return kept if isinstance(kept, dict) else {}
