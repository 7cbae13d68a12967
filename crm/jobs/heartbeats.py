"""Signs of life of beat and worker, and what they say together.

Beat notes itself when the broker has taken its heartbeat, the worker when it has run it. So a stopped worker and a
stopped beat can be told apart: only the former leaves heartbeats unanswered.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from crm.jobs.models import Heartbeat
from crm.jobs.schedule import HEARTBEAT_SECONDS

TASK = "crm.jobs.tasks.heartbeat"
OK = "ok"
PATIENCE = timedelta(seconds=3 * HEARTBEAT_SECONDS)


def note(part: str, *, at: datetime) -> None:
    """Note that a part works."""
    Heartbeat.objects.update_or_create(part=part, defaults={"at": at})


def judge(*, at: datetime) -> dict[str, str]:
    """What can be said of `beat` and `worker` at this moment: "ok", or what is wrong in a few words."""
    seen = dict(Heartbeat.objects.values_list("part", "at"))
    return {"beat": judge_beat(seen.get("beat"), at), "worker": judge_worker(seen.get("worker"), seen.get("beat"), at)}


def judge_beat(beat: datetime | None, at: datetime) -> str:
    """Beat is well while it sends."""
    if beat is None:
        return "never seen"
    return OK if at - beat <= PATIENCE else f"silent for {seconds(at - beat)}"


def judge_worker(worker: datetime | None, beat: datetime | None, at: datetime) -> str:
    """A worker is well while it answers what beat sends; when beat is silent nobody asks, and nobody can tell."""
    if worker is None:
        return "never seen"
    if at - worker <= PATIENCE:
        return OK
    beat_sends = beat is not None and at - beat <= PATIENCE
    if not beat_sends and (beat is None or beat - worker <= PATIENCE):
        return "unknown: beat sends nothing for it to do"
    return f"silent for {seconds(at - worker)}"


def seconds(span: timedelta) -> str:
    """A span of time in whole seconds."""
    return f"{span.total_seconds():.0f} s"
