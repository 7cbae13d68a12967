"""The two forms of an export: what PostgreSQL writes, the line before all others, and the one that says it is whole.

Values are exact in both: a cell that a spreadsheet would take for a formula is left as it is, for programs read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from django.db import models

from crm.core.api.representation import columns_sql, finish, record_sql

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet

    View = type[RecordViewSet]

END = "_end"
# Signs that no JSON has outside of escapes: its text needs no quotes, and nothing to undo.
AS_IT_IS = "FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02', ENCODING 'UTF8'"
CELLS = "FORMAT csv, ENCODING 'UTF8'"


class Ndjson:
    """One JSON object a line."""

    name, media_type = "ndjson", "application/x-ndjson"

    def __init__(self, view: View, names: Sequence[str]) -> None:
        self.view, self.names = view, names
        self.mend = finish(view, names)

    def query(self, rows: str) -> str:
        """The statement that writes the rows of this FROM and WHERE, in which the table is `r`."""
        return f"COPY (SELECT {record_sql(self.view, self.names)} {rows}) TO STDOUT ({AS_IT_IS})"

    def first(self) -> bytes:
        """What comes before the records."""
        return b""

    def row(self, row: Any) -> bytes:
        """A record that had something left to do."""
        return orjson.dumps(self.record(row), option=orjson.OPT_APPEND_NEWLINE)

    def record(self, row: Any) -> dict[str, Any]:
        """A record as the list answers it."""
        found: dict[str, Any] = orjson.loads(row)
        if self.mend is not None:
            self.mend(found)
        return found

    def last(self, count: int, cursor: str) -> bytes:
        """The line that says it is whole."""
        return orjson.dumps({END: True, "count": count, "cursor": cursor}, option=orjson.OPT_APPEND_NEWLINE)


class Csv(Ndjson):
    """Comma-separated values (RFC 4180), lines ended by a line feed: names first; null is empty, an empty text is "".

    Its last row has `_end` as its id, how many there were as its version, and the cursor in the third column, if there
    is one.
    """

    name, media_type = "csv", "text/csv"

    def query(self, rows: str) -> str:
        if self.mend is not None:
            return super().query(rows)
        told = ", ".join(self.cell(name, sql) for name, sql in columns_sql(self.view, self.names))
        return f"COPY (SELECT {told} {rows}) TO STDOUT ({CELLS})"

    def cell(self, name: str, sql: str) -> str:
        """A column as the text of a cell: yes and no are `true` and `false`, as in JSON."""
        field = self.view.model._meta.get_field(self.view.serializer_class.names[name])
        return f"({sql})::text" if isinstance(field, models.BooleanField) else sql

    def first(self) -> bytes:
        return f"{','.join(self.names)}\n".encode()

    def row(self, row: Any) -> bytes:
        record = self.record(row)
        return f"{','.join(written(record[name]) for name in self.names)}\n".encode()

    def last(self, count: int, cursor: str) -> bytes:
        cells = [END, str(count), cursor, *("" for _ in self.names[3:])]
        return f"{','.join(cells[: len(self.names)])}\n".encode()


FORMS: dict[str, type[Ndjson]] = {form.name: form for form in (Ndjson, Csv)}


def written(value: Any) -> str:
    """A value of JSON as a cell of a file."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    quoted = not text or any(sign in text for sign in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if quoted else text
