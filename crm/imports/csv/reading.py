"""From the uploaded file to rows: decoded, checked, and written down once, so that a job's slices find theirs at once.

What is written down is a line of JSON for each row: its line in the file and its cells, or why it is none.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import orjson

from crm.imports.csv.dates import ORDERS, read_date
from crm.imports.salesforce.reading import CHUNK, LONGEST_LINE, Table, Unreadable, long_cells

MOST_COLUMNS = 500
MOST_ROWS = 200_000
LONGEST_NAME = 200
# A row that can be read, and one that cannot: line, cells; line, code, sentence, cells by column.
Good = tuple[int, list[str]]
Bad = tuple[int, str, str, dict[str, str]]


class Recoded(io.RawIOBase):
    """A file of another encoding, seen as UTF-8.

    Raises:
        Unreadable: `wrong_encoding`, when a byte stands for nothing in it.
    """

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self.file, self.encoding = file, encoding
        self.seek(0)

    def seek(self, place: int, whence: int = 0) -> int:
        """Back to the beginning, which is all that readers ask."""
        if (place, whence) != (0, 0):
            raise io.UnsupportedOperation("a recoded file is read from its beginning")
        self.file.seek(0)
        self.decoder = codecs.getincrementaldecoder(self.encoding)()
        self.rest, self.ended, self.lines = b"", False, 0
        return 0

    def _more(self) -> None:
        chunk = self.file.read(CHUNK)
        self.ended = not chunk
        try:
            text = self.decoder.decode(chunk, final=self.ended)
        except UnicodeDecodeError as error:
            line = self.lines + self.rest.count(b"\n") + 1
            raise Unreadable(
                line, "wrong_encoding", f"This is not {self.encoding}: choose another encoding."
            ) from error
        self.rest += text.removeprefix("\ufeff").encode() if not self.lines and not self.rest else text.encode()

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or all that are left."""
        while not self.ended and (size < 0 or len(self.rest) < size):
            self._more()
        found = self.rest if size < 0 else self.rest[:size]
        self.rest = self.rest[len(found) :]
        return found

    def readline(self, size: int | None = -1) -> bytes:
        """One line, or so many bytes of it."""
        most = LONGEST_LINE if size is None or size < 0 else size
        while (place := self.rest.find(b"\n")) < 0 and not self.ended and len(self.rest) < most:
            self._more()
        found = self.rest[: min(place + 1 or len(self.rest), most)]
        self.rest = self.rest[len(found) :]
        self.lines += found.endswith(b"\n")
        return found


def open_table(file: BinaryIO, encoding: str, delimiter: str, bad: list[Bad]) -> Table:
    """The file as a table; `bad` is given each row that is none as it is met.

    Raises:
        Unreadable: `wrong_encoding`, `not_csv`, `duplicate_column`, `too_many_columns`, `no_header`, with the line.
    """
    seen = cast(BinaryIO, Recoded(file, encoding))

    def complain(line: int, id: str, code: str, message: str, row: dict[str, str]) -> None:
        bad.append((line, code, message, row))

    table = Table(Path("upload"), seen, lambda size: None, complain, delimiter=delimiter)
    check_header(table.header)
    return table


def check_header(header: Sequence[str]) -> None:
    """Refuse a first line that names no columns.

    Raises:
        Unreadable: `too_many_columns`, `no_header`, `long_header`.
    """
    if len(header) > MOST_COLUMNS:
        said = f"The first line has {len(header):,} columns; {MOST_COLUMNS} are allowed. Is the delimiter right?"
        raise Unreadable(1, "too_many_columns", said)
    if long := next((name for name in header if len(name) > LONGEST_NAME), ""):
        raise Unreadable(1, "long_header", f"A column's name is {len(long):,} characters long: is this the header?")
    named = [name for name in header if not name.startswith("Column ")]
    data = [name for name in named if _is_data(name)]
    if not named or len(data) * 2 > len(named):
        shown = f" (“{data[0][:40]}” is a value)" if data else ""
        raise Unreadable(1, "no_header", f"The first line names no columns{shown}: add a line with their names.")


def _is_data(name: str) -> bool:
    """Whether a name is rather a value: a number, a day, an address."""
    plain = name.replace(",", "").replace(".", "").replace(" ", "").lstrip("-+$€£")
    return plain.isdecimal() or "@" in name or any(read_date(name, order) for order in ORDERS)


def rows_of(table: Table, bad: list[Bad]) -> Iterator[tuple[Good | None, Bad | None]]:
    """Every row in the order of the file: those that can be read, and those that cannot.

    Raises:
        Unreadable: `too_many_rows`, or as soon as the rest of the file cannot be read.
    """
    count = 0
    with long_cells():
        for line, cells in table.rows():
            while bad:
                count += 1
                yield None, bad.pop(0)
            count += 1
            if count > MOST_ROWS:
                said = f"The file has more than {MOST_ROWS:,} rows: cut it into several."
                raise Unreadable(line, "too_many_rows", said)
            yield (line, cells), None
        while bad:
            yield None, bad.pop(0)


def write_row(good: Good | None, bad: Bad | None) -> bytes:
    """A row as it is written down."""
    return orjson.dumps([good[0], good[1]] if good else [*cast(Bad, bad)]) + b"\n"


def read_rows(file: IO[bytes], start: int, count: int) -> Iterator[tuple[Good | None, Bad | None]]:
    """So many rows from a place in what was written down."""
    file.seek(start)
    for _ in range(count):
        line: list[Any] = orjson.loads(file.readline())
        if len(line) == 2:
            yield (line[0], line[1]), None
        else:
            yield None, (line[0], line[1], line[2], line[3])
