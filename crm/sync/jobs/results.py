"""What became of each row of a job, read row by row out of the files that its slices wrote.

Of a job that was stopped, the rows that nobody came to are read from what was uploaded, and are unprocessed: so every
row has one outcome, at whatever row it stopped. The last line says how many there are; a file without it is not whole.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import orjson
from django.core.files.storage import default_storage

from crm.core.errors import Refused
from crm.jobs.cells import line as for_spreadsheets
from crm.jobs.files import BOM
from crm.jobs.models import Job, JobSlice
from crm.sync.bulk.engine import RowResult, Unreadable
from crm.sync.jobs.joined import gone_parts, open_parts
from crm.sync.jobs.reading import rows_from
from crm.sync.jobs.states import STOPPED, state_of
from crm.sync.jobs.work import view_of
from crm.sync.models import BulkJob
from crm.sync.pieces import by_size

COLUMNS = ("index", "outcome", "id", "external_id", "version", "code", "message", "errors")
UNPROCESSED = "unprocessed"
END = "_end"
REMOVED = "removed"  # in a job's input: its files are gone
GONE = "The results are no longer there in full: they are removed after two weeks, or when a person is erased."
WHY = {
    Job.State.CANCELLED: ("cancelled", "The job was cancelled before this row."),
    Job.State.FAILED: ("failed", "The job stopped before this row."),
}


@dataclass(frozen=True, slots=True)
class Results:
    """The results of a job as they are at this moment: the files of slices that are done, and what is left over."""

    bulk: BulkJob
    files: list[str]
    left: bool
    outcome: str
    state: str

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each row in its order.

        Raises:
            Refused: `gone` where a file is removed while it is read.
        """
        for name in self.files:
            try:
                with closing(default_storage.open(name, "rb")) as stored:
                    for line in iter(stored.readline, b""):
                        row = orjson.loads(line)
                        if self.outcome in ("", row["outcome"]):
                            yield row
            except FileNotFoundError as error:
                raise Refused("gone", GONE) from error
        if self.left:
            yield from unprocessed(self.bulk, self.state)


def find_results(bulk: BulkJob, outcome: str = "") -> Results:
    """The results as they are now, of one outcome or all.

    Raises:
        Refused: `not_started`, or `gone` where files are not there any more.
    """
    job = bulk.job
    if job is None:
        raise Refused("not_started", "This job has no results: it was not started.")
    if REMOVED in job.input:
        raise Refused("gone", GONE)
    files = []
    done = JobSlice.objects.filter(job=job, output__isnull=False).order_by("number")
    for given, rows in done.values_list("input", "output").iterator(chunk_size=100):
        if given.get("file") and (not outcome or any(row["outcome"] == outcome for row in rows or ())):
            files.append(given["file"])
    left = job.state in STOPPED and bulk.offset < bulk.bytes and outcome in ("", UNPROCESSED)
    if not all(default_storage.exists(name) for name in files) or (left and gone_parts(bulk)):
        raise Refused("gone", GONE)
    return Results(bulk, files, left, outcome, state_of(bulk))


def unprocessed(bulk: BulkJob, state: str) -> Iterator[dict[str, Any]]:
    """The rows that nobody came to before the job stopped."""
    code, message = WHY[Job.State(state)]
    with open_parts(bulk, bulk.offset) as stream:
        for index, met in enumerate(rows_from(stream, bulk, view_of(bulk)), bulk.row):
            row: Mapping[str, Any] = {} if isinstance(met.row, Unreadable) else met.row
            pk, name = row.get("id"), row.get("external_id")
            yield RowResult(
                index,
                UNPROCESSED,
                pk if isinstance(pk, int) and not isinstance(pk, bool) else None,
                name if isinstance(name, str) else "",
                None,
                code,
                message,
            ).as_json()


def as_ndjson(found: Results) -> Iterator[bytes]:
    """A line for each row, and the last one."""
    count = 0
    for row in found.rows():
        count += 1
        yield orjson.dumps(row) + b"\n"
    yield orjson.dumps({END: True, "count": count, "state": found.state}) + b"\n"


def as_csv(found: Results, *, spreadsheet: bool = False) -> Iterator[bytes]:
    """The same as CSV; for a `spreadsheet` with its mark, without the last line, and no cell that it would calculate.

    The last line has `_end`, the number of rows and the job's state in its first cells.
    """
    yield (BOM if spreadsheet else "").encode() + _line(COLUMNS)
    count = 0
    for row in found.rows():
        count += 1
        cells = ["" if row[name] is None else row[name] for name in COLUMNS[:-1]]
        cells.append(orjson.dumps(row["errors"]).decode() if row["errors"] else "")
        yield _line(for_spreadsheets(cells) if spreadsheet else cells)
    if not spreadsheet:
        yield _line([END, count, found.state, *[""] * (len(COLUMNS) - 3)])


def _line(cells: Iterable[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode("utf-8", "backslashreplace")


def in_chunks(lines: Iterator[bytes], size: int = 64 * 1024) -> Iterator[bytes]:
    """The same in pieces that are worth sending."""
    for piece in by_size(lines, size):
        yield b"".join(piece)
