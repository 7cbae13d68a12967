"""How a stored column stands in an answer, said for the database and for the change log.

The list makes its answers in Python, an export in SQL, the feed out of the change log: whoever follows compares them,
so they are the same, field by field. Decimals are text, times are UTC with `Z` and six digits of a second or none, days
are days, documents are themselves. A resource says in `shapes` what it tells in another form than its column has.

Fields of the company's own (`own`) are of types that the handbook in force names. SQL brings what is kept under their
keys; `finish` makes it what the list answers, and there is nothing to finish where the handbook names none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from django.db import connection, models

from crm.core.api.own import OWN, answered, own_fields

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet

    View = type[RecordViewSet]

INSTANT = """replace(to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z')"""
# A time as PostgreSQL writes it in our connections.
IN_UTC = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)((?:\.\d+)?)\+00")
# What jsonb_build_object takes at most, as names and values.
PAIRS = 50


class Shape(Protocol):
    """A form of its own that a column has in answers."""

    def sql(self, column: str) -> str:
        """As SQL over the column, of a type that `row_to_json` writes as the answer has it."""

    def plain(self, value: Any) -> Any:
        """The column's value in an answer."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A text of several between separators: a list of texts."""

    separator: str

    def sql(self, column: str) -> str:
        """As an array of JSON; of an empty text an empty one."""
        return f"to_json(string_to_array({column}, {literal(self.separator)}))"

    def plain(self, value: Any) -> list[str]:
        """The texts."""
        return str(value).split(self.separator) if value else []


# --- SQL --------------------------------------------------------------------------------------------------------------


def columns_sql(view: View, names: Sequence[str] | None = None, *, alias: str = "r") -> list[tuple[str, str]]:
    """(name, SQL over the table's `alias`) of these fields of a resource; all, without `names`.

    `SELECT row_to_json(told) FROM (SELECT sql AS "name", ...) told` is the record as the list answers it, once it is
    finished (`finish`). The SQL may stand in statements with and without parameters.
    """
    fields = _told(view)
    return [(name, _sql(view, fields[name], alias)) for name in (fields if names is None else names)]


def record_sql(view: View, names: Sequence[str] | None = None, *, alias: str = "r") -> str:
    """A scalar subquery over the table's `alias`: the record as `json`."""
    told = ", ".join(f'{sql} AS "{name}"' for name, sql in columns_sql(view, names, alias=alias))
    return f"(SELECT row_to_json(told) FROM (SELECT {told}) told)"


def finish(view: View, names: Sequence[str] | None = None) -> Callable[[dict[str, Any]], None] | None:
    """What is left to do with each record that SQL brought, read by orjson; None where nothing is."""
    known = own_fields(view.model)
    if not known or OWN not in (_told(view) if names is None else names):
        return None

    def mend(record: dict[str, Any]) -> None:
        brought = record.get(OWN) or {}
        record[OWN] = {name: one.answer(brought.get(name)) for name, one in known.items()}

    return mend


# --- the change log ---------------------------------------------------------------------------------------------------


def from_log(view: View, column: str, value: Any) -> list[tuple[str, Any]]:
    """What a column's value in the change log is in answers: (name, value) for each field that tells it.

    None for a column that no field tells. The log is read with its decimals as such: `json.loads(text,
    parse_float=Decimal)`.
    """
    return [(one.name, _plain(view, one, value)) for one in _by_column(view).get(column, ())]


def image_from_log(view: View, image: Mapping[str, Any], names: Sequence[str] | None = None) -> dict[str, Any]:
    """A record out of an image of its columns, as that of a deleted one, its fields in the list's order.

    A field whose column the image lacks is left out.
    """
    fields = _told(view)
    wanted = (fields[name] for name in (fields if names is None else names))
    return {one.name: _plain(view, one, image[one.column]) for one in wanted if one.column in image}


def instant(value: str | datetime) -> str:
    """A time as answers have it; of the text that PostgreSQL makes of one in whatever zone."""
    if isinstance(value, str) and (usual := IN_UTC.fullmatch(value)):
        return f"{usual[1]}T{usual[2]}{usual[3] and usual[3].ljust(7, '0')}Z"
    try:
        found = (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)
    except (ValueError, OverflowError):
        # At the ends of the calendar: of the year 9999 here, of 10000 where it was written.
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {INSTANT.format('%s::timestamptz')}", [value])
            return str(cursor.fetchone()[0])
    return f"{found.replace(tzinfo=None).isoformat()}Z"


# --- one field --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    name: str
    column: str
    kind: str
    shape: Shape | None = None
    places: int = 0


KINDS: tuple[tuple[type[models.Field[Any, Any]], str], ...] = (
    (models.JSONField, "document"),
    (models.DateTimeField, "instant"),
    (models.DecimalField, "amount"),
)


def _told(view: View) -> dict[str, _Told]:
    if view in _known:
        return _known[view]
    serializer = view.serializer_class
    found = {}
    for name, of in serializer.names.items():
        field: Any = view.model._meta.get_field(of)
        kind = OWN if name == OWN else next((said for kind, said in KINDS if isinstance(field, kind)), "")
        places = field.decimal_places if kind == "amount" else 0
        found[name] = _Told(name, str(field.column), kind, serializer.shapes.get(name), places)
    return _known.setdefault(view, found)


def _by_column(view: View) -> dict[str, list[_Told]]:
    if view not in _by_columns:
        found: dict[str, list[_Told]] = {}
        for one in _told(view).values():
            found.setdefault(one.column, []).append(one)
        _by_columns[view] = found
    return _by_columns[view]


# Which there are does not change while the program runs; `own` asks the handbook each time.
_known: dict[Any, dict[str, _Told]] = {}
_by_columns: dict[Any, dict[str, list[_Told]]] = {}


def _sql(view: View, told: _Told, alias: str) -> str:
    column = f'{alias}."{told.column}"'
    if told.shape is not None:
        return told.shape.sql(column)
    if told.kind == OWN:
        known = list(own_fields(view.model).items())
        groups = [known[start : start + PAIRS] for start in range(0, len(known), PAIRS)]
        built = (", ".join(f"{literal(name)}, {column} -> {literal(one.key)}" for name, one in g) for g in groups)
        return " || ".join(f"jsonb_build_object({pairs})" for pairs in built) or "'{}'::jsonb"
    return INSTANT.format(column) if told.kind == "instant" else column + "::text" * (told.kind == "amount")


def _plain(view: View, told: _Told, value: Any) -> Any:
    if told.shape is not None:
        return told.shape.plain(value)
    if told.kind == OWN:
        return answered(view.model, _as_read(value))
    if value is None or not told.kind:
        return value
    if told.kind == "instant":
        return instant(value)
    if told.kind == "amount":
        return format(Decimal(str(value)).quantize(Decimal(1).scaleb(-told.places)), "f")
    return _as_read(value)


def _as_read(document: Any) -> Any:
    """A document as an answer reads it: there its numbers are no decimals."""
    if isinstance(document, Mapping):
        return {key: _as_read(value) for key, value in document.items()}
    if isinstance(document, list):
        return [_as_read(value) for value in document]
    return float(document) if isinstance(document, Decimal) else document


def literal(text: str) -> str:
    """A text in SQL, also where a statement has parameters."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''").replace("%", "\\x25") + "'"
