"""The fields of the company's own as programs see them: named by their keys, each of one JSON type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.db import models

from crm import handbook
from crm.core.api.own import provide
from crm.workspace.fields import Field, find

WANTED = {
    "number": "a number",
    "date": "a day, as 2026-03-04",
    "yes_no": "true or false",
    "choice": "one of the keys",
    "link": "a web address",
    "text": "a text",
}


@dataclass(frozen=True, slots=True)
class Own:
    """One of them."""

    field: Field

    @property
    def name(self) -> str:
        """Its key in the handbook."""
        return self.field.name

    @property
    def key(self) -> str:
        """What it is kept under."""
        return self.field.kept_as

    def answer(self, stored: Any) -> Any:
        """A kept value as JSON."""
        from crm.workspace.own import own_value

        if stored in (None, ""):
            return None
        value = own_value(self.field, stored)
        if isinstance(value, Decimal):
            return int(value) if value == value.to_integral_value() and abs(value) < 2**53 else float(value)
        return value if isinstance(value, bool | str) else value.isoformat()

    def read(self, sent: Any) -> str:
        """A sent value as a form's field takes it, then as it is kept.

        Raises:
            ValueError: when it is of another type, or the form would refuse it.
        """
        # The forms' widgets are the theme's, which is not there yet while apps are loaded.
        from crm.workspace.own import input_for, kept_text

        if sent is None or sent == "":
            return ""
        kind = self.field.kind
        right = {"number": int | float, "yes_no": bool}.get(kind, str)
        if not isinstance(sent, right) or (kind == "number" and isinstance(sent, bool)):
            raise ValueError(f"Send {WANTED[kind]}.")
        text = ("true" if sent else "false") if isinstance(sent, bool) else str(sent)
        try:
            return kept_text(input_for(self.field).clean(text))
        except forms.ValidationError as error:
            raise ValueError(" ".join(error.messages)) from error

    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        said: dict[str, Any] = {"title": self.field.label, "type": "string"}
        match self.field.kind:
            case "number":
                said["type"] = "number"
            case "yes_no":
                said["type"] = "boolean"
            case "date":
                said["format"] = "date"
            case "link":
                said["format"] = "uri"
            case "choice":
                said["enum"] = [*(key for key, _ in (self.field.choices or list)()), "", None]
        return said


def own_of(kind: type[models.Model]) -> Sequence[Own]:
    """Those of a kind of record, as the handbook in force has them."""
    declared = handbook.current().own_fields_of(str(kind._meta.model_name))
    found = (find(kind, one.key) for one in declared)
    return [Own(field) for field in found if field is not None and field.kept_as]


provide(own_of)
