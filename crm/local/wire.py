"""As much of PostgreSQL's protocol as it takes to knock on a local server and to give it one command.

The settings of every process ask "is it up?", so the answer must take milliseconds and need no client program: the
wheel and a minimal system package do not always bring one, and importing a driver would cost more than asking.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path

UP = ""
CLOSED = "closed"
MISSING_DATABASE = "3D000"
NOT_NOW = "57P03"  # starting, recovering or shutting down

PROTOCOL_3 = 196608


def ask(path: Path, *, user: str, database: str, statement: str = "", timeout: float = 5.0) -> str:
    """Connect to the socket at `path`, run `statement` if there is one, and return how it went.

    `UP` is success, `CLOSED` is nobody listening, anything else the SQLSTATE of the first error. A server that takes
    the connection but says nothing for `timeout` seconds raises TimeoutError.
    """
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(timeout)
            line.connect(str(path))
            words = f"user\0{user}\0database\0{database}\0\0".encode()
            line.sendall(struct.pack("!ii", len(words) + 8, PROTOCOL_3) + words)
            state = _until_ready(line)
            if state == UP and statement:
                query = statement.encode() + b"\0"
                line.sendall(b"Q" + struct.pack("!i", len(query) + 4) + query)
                state = _until_ready(line)
            if state == UP:
                line.sendall(b"X" + struct.pack("!i", 4))
            return state
    except TimeoutError:
        raise
    except OSError:
        return CLOSED


def _until_ready(line: socket.socket) -> str:
    """Read messages until the server waits for a command or hangs up; the first error's SQLSTATE, or `UP`."""
    state = UP
    while True:
        kind = _read(line, 1)
        body = _read(line, struct.unpack("!i", _read(line, 4))[0] - 4)
        if kind == b"E" and state == UP:
            fields = {field[:1]: field[1:] for field in body.split(b"\0") if field}
            state = fields.get(b"C", b"XX000").decode()
            if fields.get(b"S") in (b"FATAL", b"PANIC"):
                return state
        elif kind == b"R" and body != struct.pack("!i", 0):
            return "28000"  # it asks for a password: not a server of ours
        elif kind == b"Z":
            return state


def _read(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = line.recv(size - len(data))
        if not chunk:
            raise ConnectionError("the server hung up")
        data += chunk
    return data
