"""What a program does with a bulk job: start it, cancel it, go on with it. Each is short; the work is a worker's."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from crm.core.errors import Missing, Refused
from crm.jobs.models import Job
from crm.jobs.services import cancel_job, resume_job, start_job
from crm.sync.jobs.header import read_header
from crm.sync.jobs.joined import GONE, gone_parts
from crm.sync.jobs.uploading import MB, MOST_OF_PART, remove_files
from crm.sync.jobs.work import KIND, MOST_AT_ONCE, view_of
from crm.sync.models import ApiKey, BulkJob

NAMED = 20
State = Job.State


def start_bulk(bulk: BulkJob, *, at: datetime, woken: bool = True) -> BulkJob:
    """Close the upload and let a worker do it. Started twice, it runs once.

    Raises:
        Refused: `no_parts`, `missing_parts` with each, `gone_parts` with each, `too_large` for all or nothing,
            `invalid_header` with each column that will not do, `given_up`.
    """
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
        Refused: `finished`.
    """
    with transaction.atomic():
        locked = _locked(bulk)
        if locked.job is not None:
            cancel_job(locked.job, by=locked.api_key.user, at=at)
            return locked
        if locked.closed_at is None:
            locked.closed_at = at
            locked.save(update_fields=["closed_at"])
            transaction.on_commit(lambda: remove_files(locked) and None)
    return locked


def resume_bulk(bulk: BulkJob, *, api_key: ApiKey, at: datetime) -> BulkJob:
    """Go on with one that was cancelled or failed, where it stopped; it is this key's from now on.

    Raises:
        Refused: `not_stopped`, `given_up`, `gone` when its uploaded parts are not there any more.
    """
    with transaction.atomic():
        locked = _locked(bulk)
        if locked.job is None:
            _refuse_given_up(locked)
            raise Refused("not_stopped", "Nothing to resume: this job was not started.")
        if gone_parts(locked):
            raise Refused("gone", GONE)
        resume_job(locked.job, by=api_key.user, at=at)
        if locked.api_key_id != api_key.pk:
            locked.api_key = api_key
            locked.save(update_fields=["api_key"])
    return locked


def _refuse_given_up(bulk: BulkJob) -> None:
    if bulk.closed_at is not None:
        raise Refused("given_up", "This job was given up before it was started: open another one.")


def _locked(bulk: BulkJob) -> BulkJob:
    rows = BulkJob.objects.select_related("api_key__user", "job").select_for_update(of=("self",))
    return rows.get(pk=bulk.pk)
