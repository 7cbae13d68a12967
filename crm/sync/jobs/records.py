"""Cutting a stream of bytes into rows: lines of NDJSON, or records of CSV, whose quoted cells may have line ends.

Nothing that somebody uploads makes it hold more than one row's limit in memory: what is longer is passed over to its
end, and is one row that will not do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

LONGEST = 1024 * 1024
BOM = b"\xef\xbb\xbf"
ENDS = 5  # a mark before it, and the line end behind
QUOTE = 34
# Where the reader of a CSV is: before a cell, in a plain one, in a quoted one, behind a quote within a quoted one.
BEFORE, PLAIN, QUOTED, BEHIND = range(4)


@dataclass(frozen=True, slots=True)
class Record:
    """The bytes of a row without its line end, None when it is too long; `end` is the byte after it in the stream.

    `unclosed` says that the stream ended within a quoted cell.
    """

    text: bytes | None
    end: int
    unclosed: bool = False


def cut_lines(stream: BinaryIO, offset: int) -> Iterator[Record]:
    """The lines that say something; `offset` is the place of the stream's first byte."""
    place = offset
    while line := stream.readline(LONGEST + ENDS):
        text: bytes | None = _begun(line, place)
        place += len(line)
        while not line.endswith(b"\n") and (line := stream.readline(LONGEST)):
            text, place = None, place + len(line)
        text = _bare(text)
        if text is None or text.strip():
            yield Record(text, place)


def cut_cells(stream: BinaryIO, offset: int) -> Iterator[Record]:
    """The records of a CSV (RFC 4180); lines with nothing in them are none."""
    place, state = offset, BEFORE
    held: list[bytes] = []
    size, long = 0, False
    while line := stream.readline(LONGEST + ENDS):
        text = _begun(line, place)
        place += len(line)
        size += len(text)
        long = long or size > LONGEST + ENDS
        if long:
            held.clear()
        else:
            held.append(text)
        if state != BEFORE or QUOTE in text or not line.endswith(b"\n"):
            state = _after(text, state)
        if not line.endswith(b"\n") or state == QUOTED:
            continue
        joined = None if long else _bare(b"".join(held))
        held, state, size, long = [], BEFORE, 0, False
        if joined != b"":
            yield Record(joined, place)
    joined = None if long else _bare(b"".join(held))
    if joined != b"":
        yield Record(joined, place, unclosed=state == QUOTED)


def _begun(line: bytes, place: int) -> bytes:
    """The line without the mark that some programs begin a file with."""
    return line.removeprefix(BOM) if place == 0 else line


def _bare(text: bytes | None) -> bytes | None:
    """Without its line end; None for what is longer than a row may be."""
    if text is None:
        return None
    bare = text[:-1] if text.endswith(b"\n") else text
    bare = bare[:-1] if bare.endswith(b"\r") else bare
    return bare if len(bare) <= LONGEST else None


def _after(text: bytes, state: int) -> int:
    """Where the reader is after these bytes: a quote opens a cell only at its beginning, as readers of CSV have it."""
    at, size = 0, len(text)
    while at < size:
        if state == QUOTED:
            found = text.find(b'"', at)
            if found < 0:
                return QUOTED
            at, state = found + 1, BEHIND
        elif state in (BEHIND, BEFORE):
            at, state = (at + 1, QUOTED) if text[at] == QUOTE else (at, PLAIN)
        else:
            found = text.find(b",", at)
            if found < 0:
                return PLAIN
            at, state = found + 1, BEFORE
    return state
