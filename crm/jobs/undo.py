"""Undoing a job: each of its transactions is put back, the newest first, as far as nobody touched its records since."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count

from crm.core import acting
from crm.core.errors import Refused
from crm.history.models import Change, Transaction
from crm.history.revert import can_revert, revert
from crm.jobs.kinds import JobKind, Row, kind_of, register
from crm.jobs.models import Job, JobSlice
from crm.jobs.services import start_job
from crm.jobs.words import tone_of

if TYPE_CHECKING:
    from crm.people.models import User

KIND = "undo"
ENDED = (Job.State.DONE, Job.State.FAILED, Job.State.CANCELLED)


def why_not_undone(job: Job, by: User, *, at: datetime) -> Refused | None:
    """Why this person cannot undo this job, or None.

    Codes: `not_undoable`, `undone`, `unfinished`, `nothing_done`, and those of `crm.history.revert.can_revert`.
    """
    try:
        undoable = kind_of(job).undo
    except Refused as unknown:
        return unknown
    if not undoable:
        return Refused("not_undoable", "There is nothing to put back.")
    if job.undone_by_id is not None:
        return Refused("undone", "This was undone already. A job is undone once.")
    if job.state not in ENDED:
        return Refused("unfinished", "This has not ended yet.")
    newest = Transaction.objects.filter(request=job.request_id).order_by("-id").first()
    if newest is None:
        return Refused("nothing_done", "Nothing was written, so there is nothing to put back.")
    return can_revert(newest, by, at=at)


def undo_job(job: Job, *, by: User, at: datetime, woken: bool = True) -> Job:
    """Start the job that undoes this one; asked twice, the first one is given again.

    Raises:
        Refused: as `why_not_undone` says.
    """
    with transaction.atomic():
        locked = Job.objects.select_for_update(of=("self",)).get(pk=job.pk)
        if locked.undone_by is not None and locked.undone_by.by_id == by.pk:
            return locked.undone_by
        if refusal := why_not_undone(locked, by, at=at):
            raise refusal
        done = Transaction.objects.filter(request=locked.request_id).order_by("-id").values_list("pk", flat=True)
        rows = dict(
            Change.objects.filter(transaction__in=list(done))
            .values_list("transaction_id")
            .annotate(rows=Count("record_id", distinct=True))
        )
        undo = start_job(
            KIND,
            title=f"Undo: {locked.title}",
            by=by,
            at=at,
            input={"undoes": locked.pk, "object": locked.input.get("object", "")},
            slices=({"transaction": pk, "rows": rows.get(pk, 0)} for pk in done if pk in rows),
            woken=woken,
        )
        locked.undone_by = undo
        locked.save(update_fields=["undone_by"])
    return undo


def run(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """Put one transaction back."""
    frame = acting.current()
    made = Transaction.objects.get(pk=part.input["transaction"])
    # What a later slice of the same job did to a record is nobody's touch.
    both = [f"job-{job.input['undoes']}", job.request_id]
    beside = frozenset(Transaction.objects.filter(request__in=both).values_list("pk", flat=True))
    via = frame.via if frame else "task"
    found = revert(made, actor=job.by, at=at, via=via, reason=job.title, beside=beside)
    return [
        {
            "id": row.record_id,
            "object": row.object,
            "label": row.label,
            "outcome": row.outcome,
            # What was put back needs no reason: codes are counted as why rows were left.
            "code": "" if tone_of(row.outcome) == "good" else row.code,
            "message": row.message,
        }
        for row in found.rows
    ]


register(JobKind(KIND, run))
