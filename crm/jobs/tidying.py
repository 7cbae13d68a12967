"""What nobody came back for: counted jobs without an answer, and the files of exports."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.files.storage import default_storage
from django.db import transaction

from crm.jobs.files import HEADER, KEPT_DAYS, REMOVED
from crm.jobs.models import Job, JobSlice

State = Job.State


def cancel_unanswered(*, at: datetime) -> int:
    """Cancel what waits for an answer for days: the count is no longer true. How many; each may be resumed."""
    old = Job.objects.filter(state=State.READY, asked_at__lt=at - timedelta(days=KEPT_DAYS))
    said = f"Nobody answered for {KEPT_DAYS} days: nothing was changed."
    return old.update(state=State.CANCELLED, message=said, finished_at=at)


def remove_old_files(*, at: datetime) -> int:
    """Remove the files of exports that ended days ago: details of people lie nowhere longer than they are of use
    (L16). How many jobs that was; the jobs and what became of each row stay."""
    ended = Job.objects.filter(finished_at__lt=at - timedelta(days=KEPT_DAYS), input__has_key=HEADER)
    count = 0
    for pk in ended.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            job = Job.objects.select_for_update(of=("self",)).filter(pk=pk, finished_at__isnull=False).first()
            if job is None:  # resumed just now
                continue
            job.input[REMOVED] = job.input.pop(HEADER)
            job.save(update_fields=["input"])
        for given in JobSlice.objects.filter(job=pk).order_by("number").values_list("input", flat=True):
            if given.get("file"):
                default_storage.delete(given["file"])
        count += 1
    return count
