"""The nightly search as a job: one slice for each kind of key of each kind of record."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from crm import handbook
from crm.core.locks import hold
from crm.duplicates import evidence
from crm.duplicates.kinds import crossings, kinds
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import UNFINISHED, Job, JobSlice
from crm.jobs.services import start_job
from crm.people.models import User

KIND = "duplicates.find"
HOUR = 3  # of the company's night, when nobody waits for the database


def run(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """One search."""
    wanted = {(one.object, one.by): one for one in evidence.searches(kinds().values(), crossings())}
    search = wanted.get((part.input["of"], part.input["by"]))
    # A kind of key that left with an update is looked for no more.
    found = evidence.run(search, at=at) if search is not None else 0
    return [{"label": f"{part.input['of']}, {part.input['by']}", "outcome": "searched", "found": found}]


def finish(job: Job, at: datetime) -> None:
    """What nothing speaks for any more leaves the list."""
    evidence.finish()


register(JobKind(KIND, run=run, finish=finish))


def find_now(*, by: User, at: datetime, woken: bool = True) -> Job:
    """Start the search; while one is under way, that one is given."""
    with transaction.atomic():
        hold(("job", KIND))
        under_way = Job.objects.filter(kind=KIND, state__in=UNFINISHED).order_by("pk").first()
        if under_way is not None:
            return under_way
        slices = [
            {"of": one.object, "by": one.by, "rows": 1} for one in evidence.searches(kinds().values(), crossings())
        ]
        return start_job(KIND, title="Find duplicates", by=by, at=at, input={"object": ""}, slices=slices, woken=woken)


def find_nightly(*, at: datetime) -> Job | None:
    """Start the search of this night, once, however often this is called; None when it was started already."""
    local = at.astimezone(handbook.current().zone)
    tonight = local.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    if local < tonight:
        tonight -= timedelta(days=1)
    if Job.objects.filter(kind=KIND, asked_at__gte=tonight).exists():
        return None
    return find_now(by=User.objects.system(), at=at)
