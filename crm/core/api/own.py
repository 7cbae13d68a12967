"""Fields of a company's own over the API: one object, `own`, beside the fields that every record of the kind has.

Which there are, and what their values may be, is told by whoever knows (`provide`): nothing here knows the handbook.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import orjson
from django.db import models
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers

from crm.core.api.problems import Flaw, invalid, pointer_to

if TYPE_CHECKING:
    Field = serializers.Field[Any, Any, Any, Any]
else:
    Field = serializers.Field

OWN = "own"
# The column that they lie in, with what else an import kept.
COLUMN = "kept"


class OwnField(Protocol):
    """One field of the company's own."""

    @property
    def name(self) -> str:
        """What programs call it."""

    @property
    def key(self) -> str:
        """What it is kept under."""

    def answer(self, stored: Any) -> Any:
        """A kept value as JSON: null for none, the text itself where it has not the form of its type."""

    def read(self, sent: Any) -> str:
        """A sent value as it is kept; empty for none.

        Raises:
            ValueError: with the sentence that says what it could be.
        """

    def schema(self) -> dict[str, Any]:
        """What it may be, as JSON Schema."""


Source = Callable[[type[models.Model]], Sequence[OwnField]]
_sources: list[Source] = []


def provide(source: Source) -> None:
    """Tell which own fields a kind of record has."""
    _sources.append(source)


def own_fields(kind: type[models.Model]) -> dict[str, OwnField]:
    """The own fields of a kind of record, by what programs call them."""
    return {one.name: one for source in _sources for one in source(kind)}


def answered(kind: type[models.Model], kept: Any) -> dict[str, Any]:
    """What `own` is in an answer, out of what is kept (as text or as it was read)."""
    return answered_by(own_fields(kind), kept)


def answered_by(fields: Mapping[str, OwnField], kept: Any) -> dict[str, Any]:
    """The same for who asked once which fields there are."""
    if not fields:
        return {}
    values = orjson.loads(kept) if isinstance(kept, str) else kept
    known: Mapping[str, Any] = values if isinstance(values, dict) else {}
    return {name: one.answer(known.get(one.key)) for name, one in fields.items()}


class OwnValues(Field):
    """The object `own` of a body: what is named is set, what is null is emptied, what is not named stays."""

    def __init__(self, kind: type[models.Model], **kwargs: Any) -> None:
        self.kind = kind
        super().__init__(source=COLUMN, required=False, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """What will be kept: all of it, with the sent values in their places.

        Raises:
            Problem: 400 with every value that will not do.
        """
        if not isinstance(data, dict):
            raise serializers.ValidationError("Send an object of the fields of your own.", code="type")
        known, flaws = own_fields(self.kind), []
        kept = dict(getattr(self.parent.instance, COLUMN, None) or {})
        for name, value in data.items():
            if name not in known:
                said = f"“{name}” is no field of your own: {', '.join(known) or 'the handbook names none'}."
                flaws.append(Flaw(f"{OWN}.{name}", "unknown_field", said, pointer_to(OWN, name)))
                continue
            try:
                stored = known[name].read(value)
            except ValueError as error:
                flaws.append(Flaw(f"{OWN}.{name}", "invalid", str(error), pointer_to(OWN, name)))
                continue
            if stored:
                kept[known[name].key] = stored
            else:
                kept.pop(known[name].key, None)
        if flaws:
            raise invalid(flaws)
        return kept

    def to_representation(self, value: Any) -> Any:
        return answered(self.kind, value)


class OwnSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """`own` with the fields that the handbook in force names."""

    target_class = "crm.core.api.own.OwnValues"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """As JSON Schema."""
        properties = {
            name: {**one.schema(), "type": [one.schema()["type"], "null"]}
            if direction == "request"
            else {"title": one.schema().get("title", name)}
            for name, one in own_fields(self.target.kind).items()
        }
        return {
            "type": "object",
            "description": "Fields of the company's own, by their keys in the handbook.",
            "properties": properties,
            "additionalProperties": False,
        }
