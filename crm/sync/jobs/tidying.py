"""Uploads and results that are of use no more: removed two weeks after the job ended, or was left lying (L16)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.files.storage import default_storage
from django.db import transaction

from crm.core.text import whole_number
from crm.jobs.files import KEPT_DAYS
from crm.jobs.models import Job
from crm.sync.jobs.results import REMOVED
from crm.sync.jobs.uploading import remove_files
from crm.sync.models import BulkJob, BulkKey

AT_ONCE = 10_000


def remove_old_uploads(*, at: datetime) -> int:
    """Remove the files of jobs that ended two weeks ago, and give up those that nobody started for as long; how many.

    A job and its counts stay; it cannot be resumed any more. What a killed server left behind goes with its job's.
    """
    before = at - timedelta(days=KEPT_DAYS)
    count = 0
    for pk in _folders():
        # What belongs to no job is of one that was rolled back.
        bulk = BulkJob.objects.filter(pk=pk).first()
        if bulk is None or _expire(bulk, before, at):
            remove_files(bulk or BulkJob(pk=pk))
            _forget_keys(pk)
            count += 1
    BulkJob.objects.filter(closed_at=None, made_at__lt=before, bytes=0).update(closed_at=at)
    return count


def _folders() -> list[int]:
    try:
        names, _ = default_storage.listdir("bulk")
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(number for name in names if (number := whole_number(name)) is not None)


def _expire(bulk: BulkJob, before: datetime, at: datetime) -> bool:
    """Whether its time has come, after noting it: nobody resumes or starts it in between."""
    with transaction.atomic():
        locked = BulkJob.objects.select_for_update(of=("self",)).get(pk=bulk.pk)
        if locked.job_id is None:
            newest = locked.parts.order_by("-at").values_list("at", flat=True).first()
            if max(filter(None, (newest, locked.made_at, locked.closed_at))) >= before:
                return False
            BulkJob.objects.filter(pk=bulk.pk, closed_at=None).update(closed_at=at)
            return True
        job = Job.objects.select_for_update(of=("self",)).get(pk=locked.job_id)
        if job.finished_at is None or job.finished_at >= before:
            return False
        job.input[REMOVED] = at.isoformat()
        job.save(update_fields=["input"])
        return True


def _forget_keys(pk: int) -> None:
    """They only told rows of the job from one another."""
    while True:
        few = list(BulkKey.objects.filter(bulk=pk).values_list("pk", flat=True)[:AT_ONCE])
        BulkKey.objects.filter(pk__in=few).delete()
        if len(few) < AT_ONCE:
            return
