"""What a program does with a bulk job: start it, cancel it, go on with it. Each is short; the work is a worker's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import OperationalError, transaction

from crm.core.errors import Missing, Refused
from crm.jobs.models import Job
from crm.jobs.services import cancel_job, resume_job, start_job
from crm.sync.jobs.header import read_header
from crm.sync.jobs.joined import GONE, gone_parts
from crm.sync.jobs.states import STOPPED
from crm.sync.jobs.uploading import MB, MOST_OF_PART, remove_files
from crm.sync.jobs.work import KIND, MOST_AT_ONCE, view_of
from crm.sync.models import ApiKey, BulkJob

NAMED = 20
LOCK_NOT_AVAILABLE = "55P03"


def start_bulk(bulk: BulkJob, *, at: datetime, woken: bool = True) -> BulkJob:
    """Close the upload and let a worker do it. Started twice, it runs once.

    Raises:
        Refused: `no_parts`, `missing_parts` with each, `gone_parts` with each, `too_large` for all or nothing,
            `invalid_header` with each column that will not do, `given_up`.
    """
    if bulk.job_id is not None:
        return bulk
    with transaction.atomic():
        locked = _locked(bulk)
        if locked.job_id is not None:
            return locked
        _refuse_given_up(locked)
        _refuse_gaps(locked)
        if locked.all_or_nothing and locked.bytes > MOST_OF_PART:
            said = f"All or nothing is one transaction: at most {MOST_AT_ONCE:,} rows and {MOST_OF_PART // MB} MB."
            raise Refused("too_large", said)
        if locked.form == BulkJob.Form.CSV:
            locked.header, locked.offset = read_header(locked, view_of(locked))
        locked.job = start_job(
            KIND,
            title=f"Bulk job: {locked}",
            by=locked.api_key.user,
            at=at,
            input={"bulk": locked.pk},
            slices=[{}],
            woken=woken,
        )
        locked.closed_at = at
        locked.save(update_fields=["header", "offset", "job", "closed_at"])
    return locked


def _refuse_gaps(bulk: BulkJob) -> None:
    numbers = list(bulk.parts.order_by("number").values_list("number", flat=True))
    if not numbers:
        raise Refused("no_parts", "Nothing was uploaded: send at least one part.")
    missing = sorted(set(range(1, numbers[-1])) - set(numbers))
    if missing:
        _refuse_parts("missing_parts", "Parts are missing in between", missing)
    if gone := gone_parts(bulk):
        _refuse_parts("gone_parts", "Parts were removed since, as a person in them was erased; send them again", gone)


def _refuse_parts(code: str, words: str, numbers: list[int]) -> None:
    more = f" and {len(numbers) - NAMED:,} more" if len(numbers) > NAMED else ""
    named = ", ".join(map(str, numbers[:NAMED]))
    missing = [Missing(code, f"Part {number} is not there.", f"parts.{number}") for number in numbers[:NAMED]]
    raise Refused(code, f"{words}: {named}{more}.", missing)


def cancel_bulk(bulk: BulkJob, *, at: datetime) -> BulkJob:
    """Stop it before its next slice; what is stored by then stays. One that was not started is given up.

    Raises:
        Refused: `finished`, `not_now` while all or nothing is being stored.
    """
    with transaction.atomic():
        # Not its own row, which a slice at work holds to its end.
        if bulk.job is None and (bulk := _locked(bulk)).job is None:
            BulkJob.objects.filter(pk=bulk.pk, closed_at=None).update(closed_at=at)
            transaction.on_commit(lambda: remove_files(bulk) and None)
            return bulk
        with _unless_at_work():
            job = Job.objects.select_for_update(of=("self",), nowait=bulk.all_or_nothing).get(bulk=bulk.pk)
        cancel_job(job, by=bulk.api_key.user, at=at)
    return bulk


def resume_bulk(bulk: BulkJob, *, api_key: ApiKey, at: datetime) -> BulkJob:
    """Go on with one that was cancelled or failed, where it stopped; it is this key's from now on.

    Raises:
        Refused: `not_stopped`, `given_up`, `gone` when its uploaded parts are not there any more, `not_now` while the
            slice at which it was cancelled is at work.
    """
    with transaction.atomic():
        if bulk.job is None:
            _refuse_given_up(bulk)
            raise Refused("not_stopped", "Nothing to resume: this job was not started.")
        if bulk.job.state not in STOPPED:
            raise Refused("not_stopped", f"Nothing to resume. This job is: {bulk.job.get_state_display()}.")
        with _unless_at_work():
            locked = _locked(bulk, nowait=True)
        if gone_parts(locked):
            raise Refused("gone", GONE)
        resume_job(bulk.job, by=api_key.user, at=at)
        if locked.api_key_id != api_key.pk:
            locked.api_key = api_key
            locked.save(update_fields=["api_key"])
    return locked


@contextmanager
def _unless_at_work() -> Iterator[None]:
    """Refuse what would wait for a slice that is at work."""
    try:
        with transaction.atomic():
            yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE:
            raise
        raise Refused("not_now", "Rows of this job are being stored just now: ask again in a moment.") from error


def _refuse_given_up(bulk: BulkJob) -> None:
    if bulk.closed_at is not None:
        raise Refused("given_up", "This job was given up before it was started: open another one.")


def _locked(bulk: BulkJob, *, nowait: bool = False) -> BulkJob:
    rows = BulkJob.objects.select_related("api_key__user", "job").select_for_update(of=("self",), nowait=nowait)
    return rows.get(pk=bulk.pk)
