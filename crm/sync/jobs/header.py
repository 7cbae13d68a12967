"""The first line of a CSV: which column is which field, said before anything is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from crm.core.errors import Missing, Refused
from crm.sync.bulk.engine import Unreadable
from crm.sync.bulk.rows import RESERVED
from crm.sync.jobs.joined import open_parts
from crm.sync.jobs.reading import read_cells
from crm.sync.jobs.records import cut_cells
from crm.sync.models import BulkJob

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet

MOST_COLUMNS = 500
NAMED = 20  # so many columns that will not do are named
DELETE, CREATE, UPDATE = BulkJob.Operation.DELETE, BulkJob.Operation.CREATE, BulkJob.Operation.UPDATE


def read_header(bulk: BulkJob, view: type[RecordViewSet]) -> tuple[list[str], int]:
    """The names of the columns, and the byte at which the rows begin.

    Raises:
        Refused: `invalid_header` with each column that will not do; `gone`.
    """
    with open_parts(bulk) as stream:
        record = next(cut_cells(stream, 0), None)
    if record is None or record.text is None:
        raise Refused("invalid_header", "The first line names no columns.")
    if record.text.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Refused("invalid_header", "The upload is UTF-16: send it as UTF-8.")
    try:
        cells = read_cells(record.text.decode())
    except UnicodeDecodeError as error:
        raise Refused("invalid_header", "The first line is not UTF-8.") from error
    if isinstance(cells, Unreadable) or record.unclosed or b"\x00" in record.text:
        raise Refused("invalid_header", "The first line cannot be read as CSV with commas.")
    names = [cell.strip() for cell in cells]
    if wrong := list(_wrong(names, bulk, view))[:NAMED]:
        raise Refused("invalid_header", " ".join(one.message for one in wrong), wrong)
    return names, record.end


def _wrong(names: Sequence[str], bulk: BulkJob, view: type[RecordViewSet]) -> Iterator[Missing]:
    if len(names) > MOST_COLUMNS:
        yield Missing("too_many_columns", f"The first line names {len(names):,} columns; {MOST_COLUMNS} are allowed.")
        return
    serializer = view.serializer_class
    # A row that is there already takes fewer fields than a new one; which it is, each row is told by itself.
    new = serializer().sendable() if bulk.operation != UPDATE else set(serializer.writable)
    fields = set() if bulk.operation == DELETE else new
    known = {*RESERVED, *fields}
    for place, (name, times) in enumerate(Counter(names).items(), 1):
        shown = name[:80]
        if not name:
            yield Missing("unnamed_column", f"Column {place} has no name.")
        elif times > 1:
            yield Missing("duplicate_column", f"“{shown}” is there more than once.", shown)
        elif name in known:
            continue
        elif bulk.operation == DELETE:
            yield Missing("unknown_column", f"“{shown}” is no column here: {', '.join(sorted(known))}.", shown)
        elif name in serializer.refused:
            code, message = serializer.refused[name]
            yield Missing(code, message.replace("{id}", "ID"), shown)
        elif name in serializer.names:
            yield Missing("read_only", f"“{shown}” is not set by hand.", shown)
        else:
            yield Missing("unknown_column", f"“{shown}” is no field: {', '.join(sorted(known))}.", shown)
    if bulk.operation != CREATE and not {"id", "external_id"} & set(names):
        said = "A column says which record a row is about: “id”, or “external_id” of the system."
        yield Missing("needs_id", said, "id")
    if "external_id" in names and not bulk.system:
        yield Missing("needs_system", "Say with the job whose ids “external_id” has, as its system.", "external_id")
