"""Jobs of somebody who leaves: they act with that person's rights, so they end with them."""

from __future__ import annotations

from django.db.models import QuerySet

from crm.jobs.models import Job
from crm.jobs.services import cancel_job
from crm.people.leaving import Ending, Leaving, ends
from crm.people.models import User

UNFINISHED = (Job.State.PREVIEWING, Job.State.READY, Job.State.WAITING, Job.State.RUNNING)


def unfinished(user: User) -> QuerySet[Job]:
    """Jobs of theirs that have not ended."""
    return Job.objects.filter(by=user, state__in=UNFINISHED).order_by("pk")


def said(user: User) -> str:
    """How many are cancelled."""
    count = unfinished(user).count()
    return f"{count} job{'s' if count > 1 else ''} of theirs: cancelled, what was done stays done" if count else ""


def cancel_jobs(leaving: Leaving) -> None:
    """Cancel what is not finished."""
    for job in unfinished(leaving.user):
        cancel_job(job, by=leaving.actor, at=leaving.at)


ends(Ending(said, cancel_jobs))
