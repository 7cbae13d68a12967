"""The last one out: ends what a supervisor started when the supervisor itself was killed (`kill -9`, out of memory).

It holds the reading end of a pipe whose only writing end is the supervisor's. Whatever ends the supervisor closes that
pipe, on every system, which is why this is a process and not a Linux-only setting of each child. Lines say what to
watch: "group N" is a process group, "server N" a process to be sent SIGINT after the groups are gone (PostgreSQL's
orderly shutdown), "done" that the supervisor has cleaned up itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from crm.local.alive import is_alive

GRACE = 10.0  # seconds between SIGTERM and SIGKILL


class Guard:
    """The supervisor's side: starts the process and tells it what to watch.

    `locks` are descriptors the guard keeps open: what they lock stays locked until everything has ended.
    """

    def __init__(self, locks: Sequence[int] = ()) -> None:
        reading, writing = os.pipe()
        # A session of its own keeps the terminal's Ctrl-C away from it.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "crm.local.guard"],
            stdin=reading,
            start_new_session=True,
            pass_fds=locks,
            cwd=Path(__file__).resolve().parent.parent.parent,
        )
        os.close(reading)
        self._pipe = os.fdopen(writing, "w")

    def tell(self, line: str) -> None:
        # Somebody may have killed the guard; the supervisor works without it.
        with contextlib.suppress(OSError):
            self._pipe.write(line + "\n")
            self._pipe.flush()

    def dismiss(self) -> None:
        """The supervisor has ended everything itself."""
        self.tell("done")
        with contextlib.suppress(OSError):
            self._pipe.close()
        self._process.wait()


def watch(lines: IO[str]) -> None:
    """Read until the supervisor is gone, then end what it left."""
    groups: list[int] = []
    servers: list[int] = []
    for line in lines:
        kind, _, number = line.strip().partition(" ")
        if kind == "done":
            return
        (groups if kind == "group" else servers).append(int(number))
    for group in groups:
        _signal(os.kill, group, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and any(is_alive(leader) for leader in groups):
        time.sleep(0.1)
    for group in groups:
        _signal(os.killpg, group, signal.SIGKILL)
    for server in servers:
        _signal(os.kill, server, signal.SIGINT)


def _signal(send: Callable[[int, int], None], number: int, what: int) -> None:
    """Send a signal with os.kill or os.killpg, if somebody is there."""
    with contextlib.suppress(OSError):
        send(number, what)


if __name__ == "__main__":
    watch(sys.stdin)
