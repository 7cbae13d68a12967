"""Rows of an upload as the engine takes them: a JSON object of fields each, or why it is none.

A cell of a CSV is read as its column's type: whole numbers, `true` and `false`, lists between semicolons (or as JSON),
fields of the company's own as a JSON object. An empty cell leaves its field alone, as a CSV that is imported by hand
does; NDJSON empties a field with an empty text or null.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson
from django.db import models

from crm.sync.bulk.engine import Unreadable
from crm.sync.bulk.parsing import read_line
from crm.sync.bulk.rows import RESERVED
from crm.sync.jobs.records import LONGEST, Record, cut_cells, cut_lines
from crm.sync.models import BulkJob

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet

Row = Mapping[str, Any] | Unreadable
WHOLE = re.compile(r"-?\d{1,19}")
TOO_LONG = Unreadable("too_long", f"The row is longer than {LONGEST // 1024:,} KB.")
UNCLOSED = Unreadable("malformed", "A quoted cell has no end: the upload ends within it.")
NUL = Unreadable("null_characters_not_allowed", "Null characters are not allowed.")


@dataclass(frozen=True, slots=True)
class Met:
    """One row, and the byte after it in the upload."""

    row: Row
    end: int


def rows_from(stream: BinaryIO, bulk: BulkJob, view: type[RecordViewSet]) -> Iterator[Met]:
    """The rows from the job's offset on; `stream` begins there."""
    if bulk.form == BulkJob.Form.NDJSON:
        for record in cut_lines(stream, bulk.offset):
            yield Met(read_json(record), record.end)
        return
    cells = Cells(bulk.header, view)
    for record in cut_cells(stream, bulk.offset):
        yield Met(cells.read(record), record.end)


def read_json(record: Record) -> Row:
    """A line of NDJSON."""
    text = _text(record)
    return text if isinstance(text, Unreadable) else read_line(text.encode())


def read_cells(text: str) -> list[str] | Unreadable:
    """The cells of a record of CSV."""
    try:
        # One record is given, so one is found; its limit is the row's.
        return next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        if "field larger" in str(error):
            return Unreadable("too_long", f"A cell is longer than {csv.field_size_limit() // 1024:,} KB.")
        return Unreadable("malformed", f"The row is no CSV: {error}.")


class Cells:
    """Reads records of a CSV by the types of its columns."""

    def __init__(self, header: Sequence[str], view: type[RecordViewSet]) -> None:
        self.header = list(header)
        self.readers = [reader_of(name, view) for name in header]

    def read(self, record: Record) -> Row:
        """One record."""
        text = _text(record)
        cells = read_cells(text) if isinstance(text, str) and not record.unclosed else text
        if isinstance(cells, Unreadable):
            return cells
        if isinstance(cells, str):
            return UNCLOSED
        if len(cells) != len(self.header):
            said = f"The row has {len(cells)} cells, and the first line names {len(self.header)} columns."
            return Unreadable("wrong_cells", said)
        told = zip(self.header, self.readers, cells, strict=True)
        return {name: read(cell) for name, read, cell in told if cell.strip()}


def _text(record: Record) -> str | Unreadable:
    if record.text is None:
        return TOO_LONG
    if b"\x00" in record.text:
        return NUL
    try:
        return record.text.decode()
    except UnicodeDecodeError as error:
        broken = record.text[error.start : error.start + 1].hex()
        return Unreadable("wrong_encoding", f"The row is not UTF-8 (byte 0x{broken}).")


# --- cells by type ----------------------------------------------------------------------------------------------------


def reader_of(name: str, view: type[RecordViewSet]) -> Callable[[str], Any]:
    """What reads the cells of a column; what is not of its type is left as it is, and refused as such."""
    if name in RESERVED:
        return str.strip if name == "external_id" else _whole
    serializer = view.serializer_class
    column = serializer.names.get(name)
    field: Any = serializer.model._meta.get_field(column) if column else None
    kinds: list[tuple[Any, Callable[[str], Any]]] = [
        ((models.ForeignKey, models.IntegerField), _whole),
        (models.BooleanField, _yes_no),
        (models.JSONField, partial(_document, split=name != "own")),
    ]
    return next((read for kind, read in kinds if isinstance(field, kind)), str)


def _whole(cell: str) -> Any:
    text = cell.strip()
    return int(text) if WHOLE.fullmatch(text) else text


def _yes_no(cell: str) -> Any:
    text = cell.strip()
    return {"true": True, "false": False}.get(text.lower(), text)


def _document(cell: str, *, split: bool) -> Any:
    if cell.lstrip()[:1] in ("[", "{"):
        try:
            orjson.loads(cell)
            return json.loads(cell)
        except (ValueError, RecursionError):
            return cell
    return [one.strip() for one in cell.split(";") if one.strip()] if split else cell
