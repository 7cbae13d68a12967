"""The company's handbook: its written process, read from one file and asked by everything else.

The file is read once per process, when it starts, and a file that cannot be worked by stops the start: whoever asks
for `current()` first, the app itself at the latest, ends the process with one message.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from django.conf import settings

from crm.handbook.document import Handbook
from crm.handbook.problems import HandbookError, Problem
from crm.handbook.reader import read

__all__ = ["Handbook", "HandbookError", "Problem", "configured_path", "current", "read", "use", "use_here"]

SHIPPED = Path(__file__).with_name("handbook.toml")
# gunicorn stops when a worker ends with this status; with any other it would start the worker again, forever.
CANNOT_START = 3
_in_use: list[Handbook] = []
_here: ContextVar[Handbook | None] = ContextVar("handbook", default=None)


def configured_path() -> Path:
    """Where this process finds its handbook: `CRM_HANDBOOK`, else the shipped file."""
    return _path(getattr(settings, "CRM_HANDBOOK", ""))


@cache
def _path(configured: str) -> Path:
    return Path(configured or SHIPPED)


@cache
def _read_once(path: Path) -> Handbook:
    return read(path)


def current() -> Handbook:
    """The handbook this process works by. Ends the process, with all problems said, if it cannot be read.

    This is no exception that a caller could handle: pages, forms and models ask for their choices while they are
    imported, and without them nothing may run.
    """
    if (here := _here.get()) is not None:
        return here
    if _in_use:
        return _in_use[-1]
    try:
        return _read_once(configured_path())
    except HandbookError as error:
        sys.stderr.write(f"Plumb does not start, because its handbook cannot be read:\n{error}\n")
        raise SystemExit(CANNOT_START) from None


@contextmanager
def use(handbook: Handbook) -> Iterator[Handbook]:
    """Work by another handbook inside the block, in every thread of the process: for tests."""
    _in_use.append(handbook)
    try:
        yield handbook
    finally:
        _in_use.pop()


@contextmanager
def use_here(handbook: Handbook) -> Iterator[Handbook]:
    """Work by another handbook inside the block, in this thread only: an import with words that were chosen for it."""
    token = _here.set(handbook)
    try:
        yield handbook
    finally:
        _here.reset(token)
