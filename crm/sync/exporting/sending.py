"""An export on its way: rows come from PostgreSQL as fast as the program takes them, and none is kept.

Whatever happens in the middle, the line that says it is whole is not sent: the connection breaks off, the query is
given up, and what left is on record.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain
from typing import Any

from django.conf import settings

from crm.sync.exporting.forms import Ndjson
from crm.sync.exporting.record import Record
from crm.sync.exporting.snapshot import Snapshot
from crm.sync.pieces import by_size

# So many bytes are handed to the server at once, and it has so many seconds to be rid of them.
PIECE, PATIENCE = 128 * 1024, 60
# Seconds between two notes of how far it is.
NOTED = 20
# Level, and the window of a gzip stream (zlib adds 16 for it).
LEVEL, GZIP = 6, zlib.MAX_WBITS | 16
# The other half of the threads answers everybody else.
AT_ONCE = max(1, settings.WEB_THREADS // 2)
_free = threading.BoundedSemaphore(AT_ONCE)


class Busy(Exception):
    """As many exports as may be are sent already."""


class Sending(Iterator[bytes]):
    """The bytes of one export. `close` frees what it holds, also when nobody ever asked for a byte."""

    def __init__(self, form: Ndjson, rows: str, params: Sequence[Any], *, clock: Callable[[], datetime]) -> None:
        """Begin: the first row is there when this returns, so that what cannot be asked at all is an error.

        Raises:
            Busy: try again a little later.
        """
        self.form, self.clock, self.count = form, clock, 0
        self._snapshot: Snapshot | None = None
        self._record: Record | None = None
        self._socket: Any = None
        self._holds = _free.acquire(blocking=False)
        if not self._holds:
            raise Busy
        try:
            self._snapshot = Snapshot()
            found = self._snapshot.copy(form.query(rows), params)
            self._rows: Iterator[Any] = chain([row] if (row := next(found, None)) is not None else [], found)
        except BaseException:
            self.close()
            raise
        self.place = self._snapshot.cursor

    def start(self, record: Record, cursor: str, *, zipped: bool, socket: Any = None) -> None:
        """Let it go: it is on record, and its last line will say this cursor."""
        self._record, self._socket = record, socket
        if socket is not None:
            # Whoever takes nothing for a minute holds a thread and a snapshot for nothing.
            socket.settimeout(PATIENCE)
        pieces = self._pieces(record, cursor)
        self._bytes = _zipped(pieces) if zipped else pieces

    def __next__(self) -> bytes:
        try:
            return next(self._bytes)
        except StopIteration:
            self.close()
            raise
        except BaseException as error:
            self.close(f"It broke off after {_records(self.count)} ({type(error).__name__}).")
            raise

    def _pieces(self, record: Record, cursor: str) -> Iterator[bytes]:
        yield self.form.first()
        noted = time.monotonic()
        for held in by_size(map(self.form.row, self._rows) if self.form.mend else self._rows, PIECE):
            self.count += len(held)
            yield b"".join(held)
            if time.monotonic() - noted > NOTED:
                record.go_on(self.count)
                noted = time.monotonic()
        record.end(self.count, at=self.clock())
        self._record = None
        yield self.form.last(self.count, cursor)

    def close(self, why: str = "") -> None:
        """Give back what it holds. One that was not sent to its end is noted so."""
        if not self._holds:
            return
        self._holds = False
        _free.release()
        if self._snapshot is not None:
            self._snapshot.close()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.settimeout(None)
        if self._record is not None:
            said = why or f"The program stopped reading after {_records(self.count)}."
            self._record.break_off(self.count, said, at=self.clock())

    def __del__(self) -> None:
        # An answer that went astray on its way to the server is never closed by it.
        self.close()


def _records(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"


def _zipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same as one gzip stream."""
    pack = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
    for piece in pieces:
        if packed := pack.compress(piece):
            yield packed
    yield pack.flush()
