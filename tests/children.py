"""Real processes of Plumb for tests that are about processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
LONG_KEY = "a-key-for-tests-0123456789-of-enough-different-letters"
PRODUCTION = {"DEBUG": "", "SECRET_KEY": LONG_KEY, "ALLOWED_HOSTS": "crm.example.com", "LOG_LEVEL": "INFO"}


def database_url(name: str = "") -> str:
    """The address of this test's database, or of another one on its server."""
    given = connection.settings_dict
    user = quote(given["USER"]) + (f":{quote(given['PASSWORD'])}" if given["PASSWORD"] else "")
    port = f":{given['PORT']}" if given["PORT"] else ""
    return f"postgres://{user}@{quote(given['HOST'], safe='')}{port}/{name or given['NAME']}"


def environment(**values: str) -> dict[str, str]:
    """The environment of a child that works on this test's database."""
    inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    return {**inherited, "DATABASE_URL": database_url(), "PYTHONUNBUFFERED": "1", **values}


def run(*words: str, **values: str) -> subprocess.CompletedProcess[str]:
    """Run `python WORDS` to its end."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment(**values),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@contextmanager
def running(*words: str, log: Path, **values: str) -> Iterator[subprocess.Popen[bytes]]:
    """`python WORDS` in a process group of its own, of which nothing is left afterwards."""
    with log.open("ab") as out:
        child = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env=environment(**values),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        kill_group(child)


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """`kill -9` of a process and its own children."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def wait_for(what: Callable[[], Any], *, seconds: float = 40) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.03)
    return answer
