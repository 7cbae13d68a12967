"""How a run is done: a slice for each rule about stored things, one for each group of users, one that joins them."""

from __future__ import annotations

from datetime import datetime

from crm import handbook
from crm.checkups.looking import look_at
from crm.checkups.models import Run
from crm.checkups.rules import Look, known_ids
from crm.checkups.running import finish_run
from crm.checkups.storing import settle
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import Job, JobSlice

KIND = "checkup"


def work(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """One slice of a run: look, and store what was found."""
    run = Run.objects.get(job=job)
    look = Look(at, handbook.current())
    rule = known_ids().get(str(part.input.get("rule", "")))
    if rule is None:
        return []
    result = settle(look_at(rule, look), run=run, at=at)
    return [{"label": rule.id, "outcome": result.state, "found": result.total}]


def finish(job: Job, at: datetime) -> None:
    """The run has ended."""
    finish_run(Run.objects.get(job=job), at=at)


register(JobKind(KIND, run=work, finish=finish))
