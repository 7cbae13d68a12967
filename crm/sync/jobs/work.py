"""The work of a bulk job: rows from where the slice before ended, through the engine, each with its answer in a file.

A slice is one transaction (crm.jobs.work): its records, their history, the ids that came, the counts, and where the
next one begins are stored together or not at all. So a worker that is killed leaves no row done twice, and none
passed over.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils import timezone

from crm.core.api.resources import followed
from crm.core.errors import Refused
from crm.jobs.kinds import JobKind, register
from crm.jobs.models import Job, JobSlice
from crm.jobs.work import LeaseLost
from crm.sync.bulk.engine import RowResult, write_rows
from crm.sync.bulk.options import scope_of
from crm.sync.jobs.joined import open_parts
from crm.sync.jobs.reading import Met, rows_from
from crm.sync.jobs.seen import refuse_seen, remember_done
from crm.sync.models import BulkJob
from crm.sync.scopes import within_rights

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet

KIND = "bulk"
# A slice ends with so many rows, or so many bytes of them, or after so long; it asks between batches.
ROWS, BATCH, BYTES, SECONDS = 2_000, 500, 16 * 1024 * 1024, 15.0
MOST_AT_ONCE = 10_000  # rows of a job that is all or nothing
REASONS = 50  # different ones that a slice keeps apart
NOTHING_STORED = "All or nothing was asked for, and rows were rejected: nothing was stored."


def view_of(bulk: BulkJob) -> type[RecordViewSet]:
    """The resource that its rows are of.

    Raises:
        Refused: `unknown_resource` for one that this version does not have.
    """
    view = followed().get(bulk.resource)
    if view is None:
        raise Refused("unknown_resource", f"This version of Plumb takes no rows of “{bulk.resource}”.")
    return view


def allow(job: Job) -> None:
    """Refuse to go on with a key that is in use no more, or may not do it any more."""
    bulk = BulkJob.objects.select_related("api_key__user").get(pk=job.input["bulk"])
    key, scope = bulk.api_key, scope_of(view_of(bulk), bulk.operation)
    state = key.state(timezone.now())
    if state != "active":
        said = {"stopped": "belongs to somebody who was deactivated"}.get(state, f"is {state}")
        raise Refused("key_stopped", f"The key “{key}” {said}. Resume the job with a key that is in use.")
    if scope not in key.scopes or not within_rights(key.user, scope):
        raise Refused("missing_scope", f"The key “{key}” may not do this any more: it takes the scope {scope}.")


def work_slice(job: Job, part: JobSlice, at: datetime) -> list[dict[str, Any]]:
    """The next rows. The slice after this one is made by it, for nobody knows before how many rows there are."""
    # Its own row is locked: a worker that was thought dead and goes on is waited for, not overtaken.
    bulk = BulkJob.objects.select_for_update(of=("self",)).select_related("api_key__user").get(pk=job.input["bulk"])
    if not JobSlice.objects.filter(pk=part.pk, output__isnull=True).exists():
        raise LeaseLost
    if bulk.all_or_nothing:
        # It may take longer than a lease: nobody claims a job whose row is held.
        Job.objects.select_for_update(of=("self",)).get(pk=job.pk)
    view = view_of(bulk)
    with open_parts(bulk, bulk.offset) as stream, Answers(bulk, part) as answers:
        met = rows_from(stream, bulk, view)
        if bulk.all_or_nothing:
            more = _all_or_nothing(bulk, view, met, answers, job, at)
        else:
            more = _batches(bulk, view, met, answers, job, at)
        part.input["file"] = answers.store()
    if not more:
        bulk.offset = bulk.bytes
    else:
        JobSlice.objects.create(job=job, number=part.number + 1)
    bulk.save(update_fields=["offset", "row"])
    return answers.counted()


def _batches(
    bulk: BulkJob, view: type[RecordViewSet], met: Iterator[Met], answers: Answers, job: Job, at: datetime
) -> bool:
    """Some batches; whether there may be more rows after them."""
    began, rows, start = time.monotonic(), 0, bulk.offset
    while rows < ROWS and bulk.offset - start < BYTES and time.monotonic() - began < SECONDS:
        batch = take(met, BATCH, bulk.offset + BYTES)
        if not batch:
            return False
        sent = refuse_seen(bulk, [one.row for one in batch], view, first=bulk.row)
        results = write_rows(view, sent, **_options(bulk, job, at))
        remember_done(bulk, results)
        answers.add(results)
        bulk.row, bulk.offset, rows = bulk.row + len(batch), batch[-1].end, rows + len(batch)
    return True


def _all_or_nothing(
    bulk: BulkJob, view: type[RecordViewSet], met: Iterator[Met], answers: Answers, job: Job, at: datetime
) -> bool:
    """Every row at once; there is no more.

    Raises:
        Refused: `too_many_rows`.
    """
    batch = list(islice(met, MOST_AT_ONCE + 1))
    if len(batch) > MOST_AT_ONCE:
        said = f"All or nothing is one transaction of at most {MOST_AT_ONCE:,} rows, and here are more."
        raise Refused("too_many_rows", f"{said} Nothing was stored.")
    answers.add(write_rows(view, [one.row for one in batch], all_or_nothing=True, **_options(bulk, job, at)))
    bulk.row = len(batch)
    return False


def take(met: Iterator[Met], most: int, until: int) -> list[Met]:
    """So many rows, or fewer when they reach beyond a byte of the upload; none when there are none."""
    batch: list[Met] = []
    for one in met:
        batch.append(one)
        if len(batch) >= most or one.end >= until:
            break
    return batch


def _options(bulk: BulkJob, job: Job, at: datetime) -> dict[str, Any]:
    return {
        "operation": bulk.operation,
        "system": bulk.system,
        "actor": job.by,
        "scopes": bulk.api_key.scopes,
        "at": at,
        "first_index": bulk.row,
    }


class Answers:
    """What became of the rows of a slice: written into a file as it is known, and counted."""

    def __init__(self, bulk: BulkJob, part: JobSlice) -> None:
        self.name = f"bulk/{bulk.pk}/results-{part.number:06d}-{secrets.token_hex(8)}.ndjson"
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by leaving the block
        self.counts: Counter[tuple[str, str, str]] = Counter()

    def __enter__(self) -> Answers:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def add(self, results: list[RowResult]) -> None:
        """The answers of some rows, in their order."""
        for one in results:
            self.file.write(orjson.dumps(one.as_json()) + b"\n")
            reason = (one.outcome, one.code, one.message)
            known = reason in self.counts or not one.code or len(self.counts) < REASONS
            self.counts[reason if known else (one.outcome, "other", "Other reasons")] += 1

    def store(self) -> str:
        """Store the file under a name that no other attempt at the slice has; empty when there were no rows."""
        if not self.counts:
            return ""
        self.file.seek(0)
        return default_storage.save(self.name, File(self.file))

    def counted(self) -> list[dict[str, Any]]:
        """How many rows went how, as a job keeps it."""
        return [
            {"id": None, "label": "Rows", "outcome": outcome, "code": code, "message": message, "count": count}
            for (outcome, code, message), count in self.counts.items()
        ]


def finish(job: Job, at: datetime) -> None:
    """How many rows there were is known now."""
    bulk = BulkJob.objects.get(pk=job.input["bulk"])
    Job.objects.filter(pk=job.pk).update(total=bulk.row)
    if bulk.all_or_nothing and job.counts.get("outcomes", {}).get("rejected"):
        job.message = NOTHING_STORED


register(JobKind(KIND, work_slice, finish=finish, allow=allow, via="api"))
