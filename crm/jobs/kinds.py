"""The kinds of jobs: what each does with one slice. An app registers its own when it is set up (`AppConfig.ready`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm.core.errors import Refused
from crm.jobs.models import Job, JobSlice

# One row of a slice's output: `id` and `label` of what it was about, `outcome` in a word, and where it was refused
# the `code` and the `message` of the refusal. One entry may stand for `count` rows that went alike.
Row = dict[str, Any]
Work = Callable[[Job, JobSlice, datetime], list[Row]]


@dataclass(frozen=True, slots=True)
class JobKind:
    """How jobs of one kind are done.

    `run(job, part, at)` does one slice inside the runner's transaction and returns its rows; `preview` says what it
    would do and writes nothing; `finish(job, at)` runs in the transaction that ends the job, `stopped(job, at)` in the
    one that cancels it or notes that it has failed; `allow(job)` raises `Refused` when who asked for the job may not
    have it done (any more), and is asked before every slice. `via` is the door that the change log names. A job of a
    kind with `undo` can be undone.
    """

    name: str
    run: Work
    preview: Work | None = None
    finish: Callable[[Job, datetime], None] | None = None
    stopped: Callable[[Job, datetime], None] | None = None
    allow: Callable[[Job], None] | None = None
    via: str = "task"
    undo: bool = False


_kinds: dict[str, JobKind] = {}


def register(kind: JobKind) -> JobKind:
    """Make a kind known.

    Raises:
        ValueError: when another kind has that name.
    """
    if _kinds.setdefault(kind.name, kind) is not kind:
        raise ValueError(f"there is a kind of job called {kind.name!r} already")
    return kind


def tell_stopped(job: Job, at: datetime) -> None:
    """Let the kind of a job that was cancelled or has failed note it, in the caller's transaction."""
    kind = _kinds.get(job.kind)
    if kind is not None and kind.stopped is not None:
        kind.stopped(job, at)


def kind_of(job: Job) -> JobKind:
    """The kind of a job. Raises `Refused("unknown_kind")` for one that this version of Plumb does not know."""
    if job.kind not in _kinds:
        raise Refused("unknown_kind", f"This version of Plumb does not know jobs of the kind “{job.kind}”.")
    return _kinds[job.kind]
