"""Many columns of one table as one expression: what a list selects, without an object for each column.

Django makes, hashes and compiles an expression for every selected column with each query, which for the fifty of a lead
takes longer than PostgreSQL takes to find a page of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection, models
from django.db.models import Expression


class Columns(Expression):
    """Columns by their fields' names or attnames (`owner_id`), in this order; for `values_list` alone, and alone in it.

    A document comes out as its text.

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
            document = isinstance(field, models.JSONField)
            if not document and (hasattr(field, "from_db_value") or field.get_db_converters(connection)):
                raise ValueError(f"{name} is read by a converter")
            self.columns.append((str(field.column), "::text" if document else ""))

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """The columns, each of its table."""
        quote = compiler.quote_name_unless_alias
        table = quote(self.table)
        return ", ".join(f"{table}.{quote(column)}{cast}" for column, cast in self.columns), []
