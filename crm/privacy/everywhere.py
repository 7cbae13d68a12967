"""The whole database, column by column: where a value stands, and how it is taken out.

Tables are found by walking information_schema, so that a table that comes later is searched as well.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from django.db import connection
from psycopg.types.json import Jsonb

ERASED = "[erased]"
TEXT = ("text", "character varying", "character", "citext", "name")
JSON = ("json", "jsonb")
# What a row or a document as text writes in another way, and where a name may have a line break.
ESCAPED = re.compile(r"""[\s"\\]+""")
# What stands before a value and is no part of it, though it ends with a letter: the end of an escape.
BEHIND = r"(?<=%[0-9a-f]{2})|(?<=\\[nrt])|(?<=\\u[0-9a-f]{4})"
BETWEEN = r"(?:\s|\+|%(?:25)*(?:20|0[9ad])|\\+[nrt])+"

# Generated columns follow what they are made of; views show what tables hold.
COLUMNS = """
    SELECT c.table_schema, c.table_name, c.column_name, c.data_type, c.character_maximum_length
    FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')
      AND c.table_schema NOT LIKE 'pg\\_%%' AND
      (c.data_type = ANY(%s) OR c.data_type = 'ARRAY' AND c.udt_name = ANY(%s))
      AND (%s OR c.is_generated = 'NEVER')
    ORDER BY 1, 2, c.ordinal_position
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column that can hold words: `kind` is text, json or array; `longest` its limit in characters, if any."""

    name: str
    kind: str
    longest: int | None


@dataclass(frozen=True, slots=True)
class Table:
    """One table with the columns that can hold words."""

    schema: str
    name: str
    columns: tuple[Column, ...]

    @property
    def sql(self) -> str:
        """Its name in a statement."""
        return f'"{self.schema}"."{self.name}"'


@dataclass(frozen=True, slots=True)
class Found:
    """A value that stands in a column, in how many rows."""

    table: str
    column: str
    value: str
    rows: int


@dataclass(slots=True)
class Values:
    """What names a person: `parts` are found anywhere and in any case (an address), `words` only as whole words."""

    parts: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.parts or self.words)

    def pattern(self) -> re.Pattern[str]:
        """Matches any of them, the longest first; a full name also where a line break stands between its parts."""
        shapes = []
        for text in sorted({*_forms(self.parts)}, key=len, reverse=True):
            shapes.append(rf"(?:(?<![\w.+-])|{BEHIND}){_loose(text)}(?![\w-])")
        for text in sorted({*_forms(self.words)}, key=len, reverse=True):
            shapes.append(rf"(?:(?<!\w)|{BEHIND})" + BETWEEN.join(map(_loose, text.split())) + r"(?!\w)")
        return re.compile("|".join(shapes), re.IGNORECASE)

    def needles(self) -> list[str]:
        """Texts of which one stands in every row that matters: of each its longest piece that is written as it is."""
        both = [piece for text in _forms([*self.parts, *self.words]) if (piece := _longest(text))]
        plain = {one for text in both for one in (text, text.lower(), text.upper(), text.title())}
        return sorted(plain | {form.lower() for text in both for form in _escaped(text)})


def _forms(texts: Iterable[str]) -> list[str]:
    """As they are, and as Unicode would take them apart or put them together."""
    return [form for text in texts if text for form in {unicodedata.normalize(n, text) for n in ("NFC", "NFD")}]


def _longest(text: str) -> str:
    return max(ESCAPED.split(text), key=len)


def _escaped(text: str) -> set[str]:
    """As an address has it in its query, and JSON in a text."""
    return {*(quote(text, safe=safe) for safe in ("", "/", "@/")), _longest(json.dumps(text)), text.replace("/", "\\/")}


def _loose(text: str) -> str:
    """A pattern of these signs, each as it is or as an escape of an address (`%40`) or of JSON (`\\u0040`)."""
    return "".join(sign if sign.isascii() and sign.isalnum() else _any_of(sign) for sign in text)


def _any_of(sign: str) -> str:
    found = {re.escape(sign), rf"\\+{re.escape(sign)}"}
    for one in {sign, sign.lower(), sign.upper()}:
        found.add("".join(f"%(?:25)*{byte:02x}" for byte in one.encode("utf-8", "replace")))
        units = one.encode("utf-16-be", "surrogatepass").hex()
        found.add("".join(rf"\\+u{units[n : n + 4]}" for n in range(0, len(units), 4)))
    return f"(?:{'|'.join(sorted(found))})"


def tables(*, generated: bool = False) -> list[Table]:
    """Every table with words in it, in all schemas but the server's own; with `generated` columns to search."""
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, [[*TEXT, *JSON], ["_text", "_varchar", "_bpchar", "_jsonb", "_json"], generated])
        rows = cursor.fetchall()
    found: dict[tuple[str, str], list[Column]] = {}
    for schema, table, column, data_type, longest in rows:
        kind = "json" if data_type in JSON else "array" if data_type == "ARRAY" else "text"
        found.setdefault((schema, table), []).append(Column(column, kind, longest))
    return [Table(schema, name, tuple(columns)) for (schema, name), columns in found.items()]


def search(values: Sequence[str], *, skip: Iterable[str] = ()) -> list[Found]:
    """Where each of these texts stands in the whole database, in any case, JSON, arrays and generated columns included.

    `skip` names tables that are not looked at.
    """
    answers = []
    wanted = [value for value in values if value]
    left_out = set(skip)
    with connection.cursor() as cursor:
        for table in tables(generated=True):
            if table.name in left_out or not wanted:
                continue
            counts = [
                f'count(*) FILTER (WHERE strpos(lower("{column.name}"::text), lower(v.v)) > 0)'
                for column in table.columns
            ]
            cursor.execute(
                f"SELECT v.v, {', '.join(counts)} FROM {table.sql} t CROSS JOIN unnest(%s::text[]) AS v (v)"
                " GROUP BY v.v",
                [wanted],
            )
            for value, *found in cursor.fetchall():
                for column, many in zip(table.columns, found, strict=True):
                    if many:
                        answers.append(Found(table.name, column.name, value, many))
    return answers


def take_out(
    table: Table, values: Values, *, where: str = "true", parameters: Sequence[Any] = (), skip: Iterable[str] = ()
) -> int:
    """Replace the values in every row of a table that `where` lets through; how many rows had any."""
    columns = [column for column in table.columns if column.name not in set(skip)]
    if not columns or not values:
        return 0
    pattern = values.pattern()
    picked = ", ".join(f't."{column.name}"' for column in columns)
    whole = ", ".join(f't."{column.name}"::text' for column in columns)
    needles = values.needles()
    lowered = [needle for needle in needles if needle == needle.lower()]
    needles = [needle for needle in needles if needle != needle.lower()]
    with connection.cursor() as cursor:
        # No index knows where in a text a name stands, so every row is read, but only once: OFFSET 0 keeps the database
        # from writing it out anew for each needle.
        cursor.execute(
            f"SELECT t.ctid::text, {picked} FROM {table.sql} t"
            f" CROSS JOIN LATERAL (SELECT concat_ws(E'\\n', {whole}) AS entered OFFSET 0) w"
            " CROSS JOIN LATERAL (SELECT lower(w.entered) AS lowered OFFSET 0) l"
            f" WHERE ({where}) AND ({_any('l.lowered', lowered)} OR {_any('w.entered', needles)})"
            " ORDER BY t.ctid FOR UPDATE OF t",
            [*parameters, *lowered, *needles],
        )
        changed = 0
        for place, *row in cursor.fetchall():
            after = {
                column.name: _fit(column, cleaned)
                for column, value in zip(columns, row, strict=True)
                if (cleaned := replace_in(_read(column, value), pattern)) != _read(column, value)
            }
            if after:
                changed += 1
                sets = ", ".join(f'"{name}" = %s' for name in after)
                cursor.execute(f"UPDATE {table.sql} SET {sets} WHERE ctid = %s::tid", [*after.values(), place])
    return changed


def _any(text: str, needles: Sequence[str]) -> str:
    """SQL that is true where one of the needles, which are its parameters, stands in the text."""
    return "(" + (" OR ".join(f"strpos({text}, %s) > 0" for _ in needles) or "false") + ")"


def replace_in(value: Any, pattern: re.Pattern[str]) -> Any:
    """The same without the values: in text, and anywhere inside lists and documents, their keys included."""
    if isinstance(value, str):
        return pattern.sub(ERASED, value)
    if isinstance(value, Mapping):
        return {replace_in(key, pattern): replace_in(item, pattern) for key, item in value.items()}
    if isinstance(value, list):
        return [replace_in(item, pattern) for item in value]
    return value


def _read(column: Column, value: Any) -> Any:
    # Django leaves JSON as text, so that its fields can read it in their own way.
    return json.loads(value) if column.kind == "json" and isinstance(value, str) else value


def _fit(column: Column, value: Any) -> Any:
    if column.kind == "json":
        return Jsonb(value)
    return value[: column.longest] if isinstance(value, str) and column.longest else value
