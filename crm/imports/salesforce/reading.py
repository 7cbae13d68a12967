"""Reading a CSV file in bounded memory, and saying by line what cannot be read."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from crm.imports.salesforce.values import ID, read_id

# The longest text area of Salesforce; a cell beyond it is a file gone wrong.
LONGEST_CELL = 131_072
# What is read at once to find out: a cell between the two limits costs its row, a line beyond this costs the file.
LONGEST_LINE = 8 * 1024 * 1024
# Told of a row that is passed over: its line, its id if it has one, a code, a sentence, and its cells.
Complain = Callable[[int, str, str, str, dict[str, str]], None]
CHUNK = 1024 * 1024
# As much of a row that is none as is looked through for its id, and the name under which all of it is kept.
BEGINNING = 10_000
AS_IT_CAME = "The row as it came"
Advance = Callable[[int], None]


class Unreadable(Exception):
    """A file that cannot be read as a whole: nothing of it is brought in."""

    def __init__(self, line: int, code: str, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.code = code
        self.message = message


@contextmanager
def long_cells() -> Iterator[None]:
    """Let the reader see cells beyond its own limit, so that the row can be named and the next one still be read."""
    usual = csv.field_size_limit(LONGEST_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(usual)


def physical_lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines as they end in this file: with a line feed, or, from old Macs, with a carriage return alone."""
    head = file.read(CHUNK)
    file.seek(0)
    first = head.find(b"\r")
    if first < 0 or first + 1 == len(head) == CHUNK or b"\n" in head[: first + 2]:
        while raw := file.readline(LONGEST_LINE):
            yield raw
        return
    rest = b""
    while chunk := file.read(CHUNK):
        *lines, rest = (rest + chunk).split(b"\r")
        yield from (line + b"\n" for line in lines)
        if len(rest) >= LONGEST_LINE:
            break
    if rest:
        yield rest


def decoded_lines(file: BinaryIO, advance: Advance) -> Iterator[str]:
    """The physical lines of a UTF-8 file, with or without its byte order mark.

    Raises:
        Unreadable: `wrong_encoding` or `not_csv`, with the line.
    """
    for number, raw in enumerate(physical_lines(file), 1):
        if number == 1:
            if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise Unreadable(1, "wrong_encoding", "The file is UTF-16: export it as UTF-8.")
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if b"\x00" in raw:
            raise Unreadable(number, "not_csv", "The file has binary zeros in it: it is no CSV.")
        if len(raw) >= LONGEST_LINE and not raw.endswith(b"\n"):
            raise Unreadable(number, "not_csv", f"The line is longer than {LONGEST_LINE // 1024 // 1024} MB.")
        try:
            line = raw.decode()
        except UnicodeDecodeError as error:
            broken = raw[error.start : error.start + 1].hex()
            raise Unreadable(number, "wrong_encoding", f"The file is not UTF-8 (byte 0x{broken}).") from error
        advance(len(raw))
        yield line


class Table:
    """A CSV file: its header, and its rows with the line each starts in."""

    def __init__(
        self, path: Path, file: BinaryIO, advance: Advance, complain: Complain, *, delimiter: str = ","
    ) -> None:
        """Read the header.

        Raises:
            Unreadable: when there is none, or it names a column twice.
        """
        self.path = path
        self.complain = complain
        self.read = 0
        self._taken: list[str] = []
        self._reader = csv.reader(self._noted(decoded_lines(file, advance)), strict=True, delimiter=delimiter)
        try:
            self.header = [name.strip() for name in self._first_row()]
        except csv.Error as error:
            raise Unreadable(1, "not_csv", f"The header cannot be read: {error}.") from error
        if not any(self.header):
            raise Unreadable(1, "not_csv", "The file is empty: it has no header.")
        named = [name for name in self.header if name]
        # Counted once over: a file may have a million names.
        twice = sorted(name for name, times in Counter(named).items() if times > 1)[:20]
        if twice:
            raise Unreadable(1, "duplicate_column", f"The header names a column twice: {', '.join(twice)}.")
        self.header = [name or f"Column {place}" for place, name in enumerate(self.header, 1)]

    def _noted(self, lines: Iterator[str]) -> Iterator[str]:
        """The same lines; those of the present row are remembered, should it turn out to be none."""
        for line in lines:
            self._taken.append(line)
            yield line

    def _first_row(self) -> list[str]:
        """The names of the columns. A line “sep=;” before them is for Excel: it names the delimiter, and no column."""
        first = next(self._reader, [])
        told = (
            len(first) <= 2
            and bool(first)
            and first[0].strip().lower() in ("sep=", f"sep={self._reader.dialect.delimiter}")
        )
        return next(self._reader, []) if told else first

    def named(self, cells: list[str]) -> dict[str, str]:
        """Cells by their column; surplus ones by their place."""
        names = [*self.header, *(f"Column {place}" for place in range(len(self.header) + 1, len(cells) + 1))]
        return dict(zip(names, cells, strict=False))

    def _id_in(self, cells: list[str]) -> str:
        """The id of a row that cannot be trusted: what stands in its place, if that looks like one."""
        place = self.header.index("Id") if "Id" in self.header else len(cells)
        found = read_id(cells[place]) if place < len(cells) else ""
        return found if ID.fullmatch(found) else ""

    def _id_in_text(self, text: str) -> str:
        try:
            return self._id_in(next(csv.reader(io.StringIO(text[:BEGINNING], newline="")), []))
        except csv.Error:
            return ""

    def require(self, names: tuple[str, ...]) -> None:
        """Refuse the file if a column is not there.

        Raises:
            Unreadable: `missing_column`, naming those that are missing and those that were found.
        """
        missing = [name for name in names if name not in self.header]
        if missing:
            found = ", ".join(name[:40] for name in self.header[:12])
            rest = f" and {len(self.header) - 12} more" if len(self.header) > 12 else ""
            raise Unreadable(1, "missing_column", f"No column {', '.join(missing)}; found are: {found}{rest}.")

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Each row that has a cell for every column; the others are complained about and passed over.

        Raises:
            Unreadable: as soon as the rest of the file cannot be read.
        """
        width, reader = len(self.header), self._reader
        while True:
            line = reader.line_num + 1
            self._taken.clear()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                text = "".join(self._taken)
                said = f"The row cannot be read: {error}."
                self._pass_over(line, self._id_in_text(text), "broken_row", said, {AS_IT_CAME: text})
                continue
            if not cells:
                continue
            self.read += 1
            while len(cells) > width and not cells[-1].strip():
                # Spreadsheets end rows with delimiters of columns that have no name and no value.
                cells.pop()
            if len(cells) != width:
                self.read -= 1
                said = f"The row has {len(cells)} cells, the header {width}."
                self._pass_over(line, self._id_in(cells), "ragged_row", said, self.named(cells))
            elif max(map(len, cells)) > LONGEST_CELL:
                self.read -= 1
                place = next(i for i, cell in enumerate(cells) if len(cell) > LONGEST_CELL)
                said = f"{self.header[place]} is {len(cells[place]):,} characters long; {LONGEST_CELL:,} are allowed."
                self._pass_over(line, self._id_in(cells), "cell_too_long", said, self.named(cells))
            else:
                yield line, cells

    def _pass_over(self, line: int, id: str, code: str, message: str, row: dict[str, str]) -> None:
        self.read += 1
        self.complain(line, id, code, message, row)
