"""The parts of an upload as one stream of bytes: a row may begin in one of them and end in the next."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import IO, Any, cast

from django.core.files.storage import default_storage

from crm.core.errors import Refused
from crm.sync.models import BulkJob, BulkPart

BUFFER = 256 * 1024
GONE = "The uploaded parts are no longer there in full: they are removed after two weeks, or when a person is erased."


class Joined(io.RawIOBase):
    """Reads parts one after the other; opens each when it is its turn.

    Raises:
        Refused: `gone` when a part is not there, or shorter than it was.
    """

    def __init__(self, parts: Sequence[BulkPart], offset: int = 0) -> None:
        self.parts = list(parts)
        self.turn, self.left = -1, 0
        self.file: IO[bytes] | None = None
        for place, part in enumerate(self.parts):
            if offset < part.size:
                self._open(place, offset)
                break
            offset -= part.size
        else:
            self.turn = len(self.parts)

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes, of one part."""
        while not self.left:
            if self.turn + 1 >= len(self.parts):
                return 0
            self._open(self.turn + 1, 0)
        found = cast("IO[bytes]", self.file).read(min(len(buffer), self.left))
        if not found:
            raise Refused("gone", GONE)
        buffer[: len(found)] = found
        self.left -= len(found)
        return len(found)

    def _open(self, place: int, offset: int) -> None:
        self._close()
        part = self.parts[place]
        try:
            self.file = cast("IO[bytes]", default_storage.open(part.file, "rb"))
        except FileNotFoundError as error:
            raise Refused("gone", GONE) from error
        if offset:
            self.file.seek(offset)
        self.turn, self.left = place, part.size - offset

    def _close(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None

    def close(self) -> None:
        """Close the part that is open."""
        self._close()
        super().close()


def open_parts(bulk: BulkJob, offset: int = 0) -> io.BufferedReader:
    """What was uploaded for a job, from a byte on.

    Raises:
        Refused: `gone`.
    """
    return io.BufferedReader(Joined(list(bulk.parts.order_by("number")), offset), BUFFER)


def gone_parts(bulk: BulkJob) -> list[int]:
    """The numbers of parts whose files are not there any more."""
    return [part.number for part in bulk.parts.order_by("number") if not default_storage.exists(part.file)]
