"""Several processes that live and die together, in one terminal.

`supervise` starts each in a process group of its own, so that Ctrl-C reaches only the supervisor, which then ends them
in order. Nothing outlives it: not when one of them dies, not when they ignore SIGTERM, not when the supervisor is
killed (see `guard`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from crm.local.errors import LocalError
from crm.local.guard import Guard

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_terminal = threading.Lock()


@dataclass(frozen=True)
class Command:
    """One process: the short name its lines are marked with, what to run, and variables added to the environment."""

    name: str
    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Child:
    command: Command
    process: subprocess.Popen[bytes]
    reader: threading.Thread


class StopRequests:
    """Counts the signals that ask us to stop, instead of letting them interrupt whatever is being done."""

    def __init__(self) -> None:
        self.count = 0

    def note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1

    @contextlib.contextmanager
    def counting(self) -> Iterator[StopRequests]:
        before = [(number, signal.signal(number, self.note)) for number in STOP_SIGNALS]
        try:
            yield self
        finally:
            for number, handler in before:
                signal.signal(number, handler)


def supervise(
    commands: Sequence[Command],
    *,
    folder: Path,
    is_ready: Callable[[], bool] = lambda: True,
    when_ready: Callable[[], None] = lambda: None,
    patience: float = 90,
    grace: float = 10,
    servers: Sequence[int] = (),
    locks: Sequence[int] = (),
) -> int:
    """Run the commands in `folder` until a signal asks to stop (returns 0) or one of them ends (returns 1).

    `when_ready` is called once, when `is_ready` first says so; after `patience` seconds without that all are ended
    and 1 is returned. A process that is still there `grace` seconds after SIGTERM, or when a second signal comes, is
    killed. Should this process be killed itself, all of that is done by another, which also shuts down the
    processes `servers` and until then keeps `locks` (descriptors). Raises LocalError when a command cannot be started.
    """
    guard = Guard(locks)
    with StopRequests().counting() as requests:
        children: list[Child] = []
        try:
            for server in servers:
                guard.tell(f"server {server}")
            width = max(len(command.name) for command in commands)
            for command in commands:
                children.append(_start(command, folder, width))
                guard.tell(f"group {children[-1].process.pid}")
            return _watch(children, requests, is_ready, when_ready, patience)
        finally:
            _end(children, requests, grace)
            guard.dismiss()


def _start(command: Command, folder: Path, width: int) -> Child:
    try:
        process = subprocess.Popen(
            command.words,
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise LocalError(f"{command.name} cannot be started ({error.strerror}: {command.words[0]}).") from None
    reader = threading.Thread(target=_relay, args=(process, command.name.ljust(width)), daemon=True)
    reader.start()
    return Child(command, process, reader)


def _relay(process: subprocess.Popen[bytes], name: str) -> None:
    for line in process.stdout or ():
        say(f"{name} | {line.decode(errors='replace').rstrip()}")


def say(line: str) -> None:
    """Print a whole line. A terminal that has gone away must not stop us from ending what we started."""
    with _terminal, contextlib.suppress(OSError, ValueError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _watch(
    children: list[Child],
    requests: StopRequests,
    is_ready: Callable[[], bool],
    when_ready: Callable[[], None],
    patience: float,
) -> int:
    ready, deadline = False, time.monotonic() + patience
    while not requests.count:
        for child in children:
            if (code := child.process.poll()) is not None:
                child.reader.join(timeout=1)  # its last words come before ours
                say(f"{child.command.name} ended ({describe(code)}), so everything else is stopped.")
                return 1
        if not ready and is_ready():
            ready = True
            when_ready()
        if not ready and time.monotonic() > deadline:
            say(f"Nothing answered within {patience:.0f} seconds, so everything is stopped.")
            return 1
        time.sleep(0.1)
    return 0


def describe(code: int) -> str:
    """A process's end in words: "exit code 3", "killed by SIGKILL"."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _end(children: list[Child], requests: StopRequests, grace: float) -> None:
    """Ask each process to end, then make sure that nothing of its group is left."""
    already = requests.count
    # Only the leaders: Celery and gunicorn end their own workers, letting them finish what they have begun.
    for child in children:
        if child.process.poll() is None:
            child.process.terminate()
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and requests.count <= max(already, 1):
        if all(child.process.poll() is not None for child in children):
            break
        time.sleep(0.05)
    for child in children:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, signal.SIGKILL)
    for child in children:
        child.process.wait()
        child.reader.join(timeout=1)
