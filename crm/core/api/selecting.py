"""What is read of a table for an answer, and the form that it is told in.

Django makes, hashes and compiles an expression for every selected column with each query, which for the fifty of a lead
takes longer than PostgreSQL takes to find a page of them: here many columns are one expression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from django.db import connection, models
from django.db.models import Expression

from crm.core.api.own import OWN, answered_by, own_fields
from crm.core.api.representation import instant

if TYPE_CHECKING:
    from crm.core.api.serializers import RecordSerializer


class Columns(Expression):
    """Columns by their fields' names or attnames (`owner_id`), in this order; for `values_list` alone, and alone in it.

    A document comes out as its text, and a time: objects of the three times of each record take longer to make than all
    the rest of a page.

    Raises:
        ValueError: for another field whose values Django would convert as it reads them; these would come out raw.
    """

    output_field = models.TextField()

    def __init__(self, model: type[models.Model], names: Sequence[str]) -> None:
        super().__init__()
        known = {name: field for field in model._meta.concrete_fields for name in (field.name, field.attname)}
        known["pk"] = model._meta.pk
        self.table = model._meta.db_table
        self.columns: list[tuple[str, str]] = []
        for name in names:
            field = known[name]
            as_text = isinstance(field, models.JSONField | models.DateTimeField)
            if not as_text and (hasattr(field, "from_db_value") or field.get_db_converters(connection)):
                raise ValueError(f"{name} is read by a converter")
            self.columns.append((str(field.column), "::text" if as_text else ""))

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """The columns, each of its table."""
        quote = compiler.quote_name_unless_alias
        table = quote(self.table)
        return ", ".join(f"{table}.{quote(column)}{cast}" for column, cast in self.columns), []


class Selection:
    """Some fields of a kind of record by their names in the API, and columns that are asked for `besides`."""

    def __init__(
        self, serializer: type[RecordSerializer], names: Sequence[str], *, besides: Sequence[str] = ()
    ) -> None:
        self.model, self.shapes, columns = serializer.model, serializer.shapes, serializer.columns()
        self.own = own_fields(self.model) if OWN in names else None
        # What imports kept may be much: it is read only where the handbook names fields in it.
        self.names = [name for name in names if name != OWN or self.own]
        # Two names may be of one column.
        self.wanted = list(dict.fromkeys([*(columns[name] for name in self.names), *besides]))
        self.places = [self.wanted.index(columns[name]) for name in self.names]
        kinds = {str(one.attname): type(one) for one in self.model._meta.concrete_fields}
        self.instants = [name for name in self.names if issubclass(kinds[columns[name]], models.DateTimeField)]
        documents = [name for name in self.names if issubclass(kinds[columns[name]], models.JSONField)]
        self.documents = [name for name in documents if name != OWN]

    def read(self, rows: models.QuerySet[Any]) -> list[Any]:
        """The rows of the table, each with what is `wanted`, as `told` takes them."""
        return list(rows.values_list(Columns(self.model, self.wanted)))

    def told(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """The records as answers have them."""
        if self.places == list(range(len(self.places))):
            found = [dict(zip(self.names, row, strict=False)) for row in rows]
        else:
            found = [{name: row[place] for name, place in zip(self.names, self.places, strict=True)} for row in rows]
        for name in self.instants:
            for record in found:
                record[name] = record[name] and instant(record[name])
        for name in self.documents:
            for record in found:
                record[name] = record[name] and orjson.loads(record[name])
        for name, shape in self.shapes.items():
            if found and name in found[0]:
                for record in found:
                    record[name] = shape.plain(record[name])
        if self.own is not None:
            for record in found:
                record[OWN] = answered_by(self.own, record.get(OWN))
        return found
