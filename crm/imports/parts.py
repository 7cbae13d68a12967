"""A file of an export, or some rows of it, into the database: what a transaction of an import works.

The command works whole files, a job ranges of rows (`crm.imports.looking` cuts them); either is a `Part`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from django.db import connection, transaction

from crm.imports.models import ImportRun
from crm.imports.report import Counts, Report
from crm.imports.salesforce import campaigns, users
from crm.imports.salesforce.kinds import Kind
from crm.imports.salesforce.objects import KINDS
from crm.imports.salesforce.planning import STAGED
from crm.imports.salesforce.reading import Complain, Table, Unreadable, long_cells
from crm.imports.salesforce.rejects import Rejects
from crm.imports.salesforce.rows import RowMapper
from crm.imports.salesforce.storing import Twice, store_staged
from crm.imports.sources import Source
from crm.sync.store import stage

# Told what is read: the file, and how many bytes of it.
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one file: those whose bytes lie from `start` to `end`, the first of them in `line`.

    All of the file when `end` is 0. `head` is the length of its header in bytes. `twice` has the rows in it whose id
    an earlier row of the file has: line to (id, that row's line); `repeated` the ids in it that come again later.
    """

    file: str
    rows: int = 0
    head: int = 0
    start: int = 0
    end: int = 0
    line: int = 0
    twice: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    repeated: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """What a slice of a job keeps of it."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Part:
        """What `as_json` gave; JSON has no numbers for keys."""
        names = cls.__dataclass_fields__
        twice = {int(line): (first[0], first[1]) for line, first in kept.get("twice", {}).items()}
        return cls(**{name: kept[name] for name in names if name in kept and name != "twice"}, twice=twice)


class Span(io.RawIOBase):
    """A file of which only the header and some rows are seen, as if it had no others."""

    def __init__(self, file: BinaryIO, part: Part) -> None:
        self.file = file
        self.pieces = [(0, part.head), (part.start, part.end)]
        self.seek(0)

    def seek(self, place: int, whence: int = 0) -> int:
        """Back to the beginning, which is all that readers ask."""
        if (place, whence) != (0, 0):
            raise io.UnsupportedOperation("a span is read from its beginning")
        self.piece, self.at = 0, self.pieces[0][0]
        self.file.seek(self.at)
        return 0

    def _left(self) -> int:
        """How many bytes of the present piece are left; goes on to the next one when there are none."""
        while self.piece < len(self.pieces):
            left = self.pieces[self.piece][1] - self.at
            if left > 0:
                return left
            self.piece += 1
            if self.piece < len(self.pieces):
                self.at = self.pieces[self.piece][0]
                self.file.seek(self.at)
        return 0

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or all that are left."""
        found = b""
        while (left := self._left()) and (size < 0 or len(found) < size):
            chunk = self.file.read(left if size < 0 else min(left, size - len(found)))
            if not chunk:
                break
            self.at += len(chunk)
            found += chunk
        return found

    def readline(self, size: int | None = -1) -> bytes:
        """One line, or so many bytes of it. Pieces end where lines do."""
        left = self._left()
        line = self.file.readline(left if size is None or size < 0 else min(left, size)) if left else b""
        self.at += len(line)
        return line


class PartTable(Table):
    """The rows of a part, with the lines that they have in the whole file."""

    def __init__(self, part: Part, file: BinaryIO, advance: Callable[[int], None], complain: Complain) -> None:
        # A table's path is no more than its name here.
        super().__init__(Path(part.file), file, advance, self._complain)
        self.tell, self.twice = complain, part.twice
        # Told of each row that is read.
        self.met: Callable[[Sequence[str]], None] | None = None
        self.shift = part.line - self._reader.line_num - 1 if part.end else 0

    def _complain(self, line: int, id: str, code: str, message: str, row: dict[str, str]) -> None:
        self.tell(line, id, code, message, row)

    def _pass_over(self, line: int, id: str, code: str, message: str, row: dict[str, str]) -> None:
        super()._pass_over(line + self.shift, id, code, message, row)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Each row that can be read, and whose id no earlier row of the file has."""
        for line, cells in super().rows():
            if line + self.shift in self.twice:
                external_id, first = self.twice[line + self.shift]
                self.tell(line + self.shift, external_id, "duplicate_id", said_twice(first), self.named(cells))
            else:
                if self.met:
                    self.met(cells)
                yield line + self.shift, cells

    @property
    def line_read(self) -> int:
        """The line that the last row read ends in."""
        return int(self._reader.line_num)


def said_twice(first: int) -> str:
    """Why a row is passed over whose id an earlier one has."""
    return f"Line {first} has this Id already."


def kind_named(file: str) -> tuple[bool, Kind | None]:
    """Whether a file of this name is read, and as which kind; users are None."""
    stem = file.rpartition(".")[0].lower()
    if stem == users.NAME.lower():
        return True, None
    kind = next((kind for kind in KINDS if kind.name.lower() == stem), None)
    return kind is not None, kind


def work_part(
    part: Part,
    source: Source,
    report: Report,
    run: ImportRun,
    *,
    at: datetime,
    progress: Progress = lambda file, size: None,
) -> None:
    """Bring in one part; a file that cannot be read to its end leaves nothing. Inside `acting()`."""
    name, counts = part.file, report.files[part.file]
    _, kind = kind_named(name)
    told = len(report.problems)
    rejects = Rejects(kind.key if kind else "user", name, frozenset(part.repeated))

    def complain(line: int, id: str, code: str, message: str, row: dict[str, str]) -> None:
        report.files[name].rejected += 1
        # That something was deleted is no fault of the file's.
        tell = report.add if code == "deleted_there" else report.cannot_read
        tell(name, line, id, code, message)
        rejects.add(line, id, code, message, row)

    try:
        with transaction.atomic(), source.open(name) as file, long_cells():
            seen: Any = Span(file, part) if part.end else file
            table = PartTable(part, seen, lambda size: progress(name, size), complain)
            table.require(kind.required if kind else users.REQUIRED)
            table.met = rejects.watcher(table.header)
            if kind is None:
                users.UserImport(name, report, run, at=at).run_through(table)
            else:
                names = _campaigns(source) if kind.name == "CampaignMember" else {}
                mapper = RowMapper(kind, table.header, name, report, at=at, names=names)
                with connection.cursor() as cursor:
                    stage(cursor, STAGED, mapper.layout.types, mapper.rows(table))
                    progress(f"{name}: storing", 0)
                    twice = store_staged(cursor, mapper.layout, table.header, name, report, run)
                if twice:
                    _complain_of_twice(part, source, twice, complain)
            with connection.cursor() as cursor:
                rejects.store(cursor, run)
            counts.read += table.read
    except Unreadable as broken:
        del report.problems[told:]
        report.files[name] = Counts()
        report.cannot_read(name, broken.line, "", broken.code, f"{broken.message} Nothing of this file was brought in.")
    except OSError as error:
        report.cannot_read(name, 0, "", "cannot_open", f"The file cannot be opened: {error.strerror}.")


def _campaigns(source: Source) -> dict[str, str]:
    """Their names, when the export has them."""
    beside = next((name for name in source.names() if name.lower() == f"{campaigns.NAME.lower()}.csv"), "")
    if not beside:
        return {}
    with source.open(beside) as file:
        return campaigns.campaign_names(file)


def _complain_of_twice(part: Part, source: Source, twice: Twice, complain: Complain) -> None:
    """Rows whose Id came before, with their cells: the file is read again for them, because they are few."""
    with source.open(part.file) as file:
        again = PartTable(part, file, lambda size: None, lambda *known: None)
        for line, cells in again.rows():
            if line in twice:
                external_id, first = twice[line]
                complain(line, external_id, "duplicate_id", said_twice(first), again.named(cells))
