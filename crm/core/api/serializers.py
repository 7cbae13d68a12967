"""What a resource's body may hold: known names only, each judged, all that is wrong named at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from rest_framework import serializers

from crm.core.api.fields import NO_SUCH, REQUIRED, column_field
from crm.core.api.own import COLUMN, OwnValues
from crm.core.api.problems import Flaw, Problem, invalid, pointer_to
from crm.core.api.representation import Shape

if TYPE_CHECKING:
    Serializer = serializers.Serializer[Any]
else:
    Serializer = serializers.Serializer

# What every record says of itself.
READ = {name: name for name in ("id", "version", "created_at", "updated_at")}


class RecordSerializer(Serializer):
    """The fields of one kind of record by their names in the API.

    `names` maps a name to the column, `writable` says which may be sent, `needed` which must be in a new record,
    `placed` which may be sent beside `state` when a new record is placed in a status, `refused` why one may not.
    """

    model: ClassVar[type[models.Model]]
    names: ClassVar[Mapping[str, str]]
    writable: ClassVar[Collection[str]] = ()
    needed: ClassVar[Collection[str]] = ()
    state: ClassVar[str] = ""
    placed: ClassVar[Collection[str]] = ()
    refused: ClassVar[Mapping[str, tuple[str, str]]] = {}
    # What is told in another form than its column has; the fields and `decorate` of the view do as these say.
    shapes: ClassVar[Mapping[str, Shape]] = {}

    def get_fields(self) -> dict[str, Any]:
        return {
            name: OwnValues(self.model)
            if column == COLUMN
            else column_field(
                self.model._meta.get_field(column),  # type: ignore[arg-type]
                name=name,
                read_only=name not in self.sendable(),
                required=name in type(self).needed and self.instance is None,
            )
            for name, column in self.names.items()
        }

    @classmethod
    def columns(cls) -> dict[str, str]:
        """What each name of the API reads from a row."""
        return {name: str(cls.model._meta.get_field(column).attname) for name, column in cls.names.items()}  # type: ignore[union-attr]

    @classmethod
    def name_of(cls, column: str) -> str:
        """The API's name of a column or model field; the column itself if the API has none."""
        for name, one in cls.names.items():
            if column in (one, f"{one}_id"):
                return name
        return column

    def sendable(self) -> set[str]:
        """The names that a body may hold; in an existing record none that only a placed one has."""
        extra = {self.state, *self.placed} - {""} if self.instance is None else set()
        return {*self.writable, *extra}

    def read(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a body by model attribute.

        Raises:
            Problem: 400 with everything that is wrong with it.
        """
        flaws = list(self.refuse_names(body))
        values: dict[str, Any] = {}
        for name, field in self.fields.items():
            if field.read_only:
                continue
            if name not in body:
                if field.required:
                    flaws.append(Flaw(name, "required", REQUIRED))
                continue
            try:
                values[str(field.source)] = field.run_validation(body[name])
            except serializers.ValidationError as error:
                details: Any = error.detail
                flaws += [Flaw(name, one.code, str(one)) for one in details]
            except Problem as problem:
                flaws += problem.errors
        flaws += self.refuse_strangers(values)
        if not flaws:
            flaws = list(self.judge(values))
        if flaws:
            raise invalid(flaws)
        return values

    def judge(self, values: dict[str, Any]) -> Iterable[Flaw]:
        """What is wrong with the values together; a resource adds rules of its own."""
        return ()

    def refuse_names(self, body: Mapping[str, Any]) -> Iterable[Flaw]:
        """Name what is no field, and what nobody sets."""
        sendable = self.sendable()
        placing = bool(self.state) and self.state in body
        for name in body:
            if name in self.refused and (name not in sendable):
                code, message = self.refused[name]
                yield Flaw(name, code, message.format(id=self.instance.pk if self.instance else "ID"), pointer_to(name))
            elif name in self.names and name not in sendable:
                yield Flaw(name, "read_only", f"“{name}” is not set by hand.")
            elif name in self.placed and name not in self.writable and not placing:
                yield Flaw(name, "placed_only", f"“{name}” is set with {self.state} when a record is placed.")
            elif name not in self.names:
                known = ", ".join(sorted(sendable))
                yield Flaw(name, "unknown_field", f"“{name}” is no field: {known}.", pointer_to(name))

    def refuse_strangers(self, values: Mapping[str, Any]) -> Iterable[Flaw]:
        """Name what refers to no record, or to somebody who cannot be given one: one query for each kind asked."""
        asked: dict[type[models.Model], dict[str, int]] = {}
        for name, field in self.fields.items():
            column = getattr(field, "column", None)
            value = values.get(str(field.source))
            if not isinstance(column, models.ForeignKey) or value is None:
                continue
            if self.instance is not None and value == getattr(self.instance, column.attname):
                continue
            asked.setdefault(column.remote_field.model, {})[name] = value
        for kind, wanted in asked.items():
            found = set(self.available(kind).filter(pk__in=wanted.values()).values_list("pk", flat=True))
            yield from (Flaw(name, "invalid_choice", NO_SUCH) for name, pk in wanted.items() if pk not in found)

    def available(self, kind: type[models.Model]) -> models.QuerySet[Any]:
        """What may be referred to; people only while they are active, and no programs."""
        people: Any = kind._default_manager
        if hasattr(people, "active_people"):
            return people.active_people()  # type: ignore[no-any-return]
        return kind._base_manager.all()
