"""Doing jobs: claim one, do its slices each in one transaction, stop in time, and let others go on.

A worker that claims a job writes its own token into it, the lease. Each slice's transaction ends by comparing that
token under the row's lock: a worker that was thought dead, and whose job another has claimed, cannot write a slice
twice.
"""

from __future__ import annotations

import traceback
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from structlog.contextvars import bound_contextvars

from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Refused, Stale
from crm.core.permissions import may
from crm.jobs.counting import counted, how_many
from crm.jobs.kinds import JobKind, Row, Work, kind_of, tell_stopped
from crm.jobs.models import UNFINISHED, Job, JobSlice

log = structlog.get_logger(__name__)
State = Job.State
Clock = Callable[[], datetime]
LEASE = timedelta(seconds=90)  # longer than any slice takes, shorter than anybody's patience with a dead worker
ATTEMPTS = 3
PAUSE = timedelta(seconds=2)


class LeaseLost(Exception):
    """Another worker has claimed the job meanwhile: what this one did is rolled back."""


def work_jobs(*, until: datetime, clock: Clock = timezone.now) -> bool:
    """Work jobs until that moment, the one that waited longest first; whether some is left to do now."""
    while clock() < until:
        job = claim()
        if job is None:
            return False
        work(job, until=until, clock=clock)
    return Job.objects.claimable().exists()


def work_here(job: Job, *, via: str, clock: Clock = timezone.now) -> Job:
    """Work one job to its end, where the caller waits for it; one that another worker has is left to that one."""
    mine = claim(job)
    if mine is not None:
        work(mine, until=None, clock=clock, via=via)
    return Job.objects.select_related("by").get(pk=job.pk)


def claim(one: Job | None = None) -> Job | None:
    """Take the lease of a job that nobody works, or of this one; None when there is none."""
    with transaction.atomic():
        waiting = Job.objects.claimable().filter(**({"pk": one.pk} if one else {}))
        # Whose turn was longest ago comes first, so that a job of a million rows does not keep the others waiting.
        turns = waiting.order_by(F("leased_until").asc(nulls_first=True), "id")
        job = turns.select_for_update(skip_locked=True, of=("self",)).first()
        if job is None:
            return None
        job.lease = uuid.uuid4()
        Job.objects.filter(pk=job.pk).update(lease=job.lease, leased_until=Now() + LEASE)
    return job


def work(job: Job, *, until: datetime | None, clock: Clock, via: str = "") -> None:
    """Do the slices of a claimed job until the moment has come or nothing is left, then give the lease back."""
    try:
        while until is None or clock() < until:
            if not step(job, clock=clock, via=via):
                return
    except LeaseLost:
        log.warning("lease_lost", job=job.pk)
        return
    give_back(job)


def step(job: Job, *, clock: Clock, via: str = "") -> bool:
    """Do the next slice of a claimed job, or end it; whether there may be more to do."""
    renewed = Job.objects.filter(pk=job.pk, lease=job.lease).update(leased_until=Now() + LEASE)
    fresh = Job.objects.select_related("by").filter(pk=job.pk, lease=job.lease).first()
    if not renewed or fresh is None:
        raise LeaseLost
    if fresh.state not in UNFINISHED:
        give_back(job)
        return False
    part: JobSlice | None = None
    try:
        kind = kind_of(fresh)
        allow(fresh, kind)
        part = next_slice(fresh)
        with bound_contextvars(request_id=fresh.request_id):
            if part is None:
                end(fresh, kind, clock=clock, via=via or kind.via)
                return False
            do(fresh, part, kind, clock=clock, via=via or kind.via)
    except Stale as error:
        # Somebody changed a row between a slice's look and its write: the next look sees it.
        return note_failure(fresh, part, error, at=clock())
    except Refused as refusal:
        fail(fresh, refusal.message, at=clock())
        return False
    except LeaseLost:
        raise
    except Exception as error:
        return note_failure(fresh, part, error, at=clock())
    return True


def allow(job: Job, kind: JobKind) -> None:
    """Refuse to go on for somebody who may not have it done any more."""
    if not job.by.is_active:
        raise Refused("inactive", f"{job.by} asked for this and is no longer active.")
    if not may(job.by, "change", job):
        raise Refused("forbidden", f"{job.by} asked for this and has no rights any more.")
    if kind.allow is not None:
        kind.allow(job)


def next_slice(job: Job) -> JobSlice | None:
    """The first slice that is not done: not counted while it previews, without an outcome while it runs."""
    todo = {"previewed": False} if job.state == State.PREVIEWING else {"output__isnull": True}
    return JobSlice.objects.filter(job=job, **todo).order_by("number").first()


@retry_deadlocks
def do(job: Job, part: JobSlice, kind: JobKind, *, clock: Clock, via: str) -> None:
    """One slice in one transaction: what it does, its outcome and the job's progress are stored together or not."""
    previews = job.state == State.PREVIEWING
    call: Work = kind.run
    if previews:
        if kind.preview is None:
            raise Refused("no_preview", f"Jobs of the kind “{kind.name}” cannot be counted before they run.")
        call = kind.preview
    at = clock()
    with acting(actor=job.by, via=via, at=at):
        rows = call(job, part, at)
        locked = hold_lease(job)
        locked.done, locked.failures = locked.done + how_many(rows), 0
        if previews:
            locked.preview = counted(locked.preview, rows)
            part.previewed = True
            part.save(update_fields=["previewed"])
        else:
            locked.counts = counted(locked.counts, rows)
            locked.started_at = locked.started_at or at
            # Cancelled while this slice was at work: it counts, and is the last.
            locked.state = State.RUNNING if locked.state == State.WAITING else locked.state
            store_output(part, rows)
        locked.save(update_fields=["done", "failures", "preview", "counts", "started_at", "state"])


def store_output(part: JobSlice, rows: list[Row]) -> None:
    """Note what became of each row of the slice, once.

    Raises:
        LeaseLost: when another worker noted it before.
    """
    if not JobSlice.objects.filter(pk=part.pk, output__isnull=True).update(output=rows, input=part.input):
        raise LeaseLost


@retry_deadlocks
def end(job: Job, kind: JobKind, *, clock: Clock, via: str) -> None:
    """Nothing is left: a preview waits for its answer, a job is done."""
    at = clock()
    with acting(actor=job.by, via=via, at=at):
        previews = job.state == State.PREVIEWING
        if not previews and kind.finish is not None:
            kind.finish(job, at)
        locked = hold_lease(job)
        if locked.state in UNFINISHED:
            locked.state = State.READY if previews else State.DONE
            locked.started_at = locked.started_at or (None if previews else at)
            locked.finished_at = None if previews else at
            locked.message = job.message
        locked.lease = locked.leased_until = None
        locked.save(update_fields=["state", "started_at", "finished_at", "message", "lease", "leased_until"])


def hold_lease(job: Job) -> Job:
    """The job's row, locked. Raises `LeaseLost` when the lease is another's."""
    locked = Job.objects.select_for_update(of=("self",)).filter(pk=job.pk, lease=job.lease).first()
    if locked is None:
        raise LeaseLost
    return locked


def give_back(job: Job) -> None:
    """Let any worker claim the job now; it goes to the end of the queue."""
    Job.objects.filter(pk=job.pk, lease=job.lease).update(lease=None, leased_until=Now())


def fail(job: Job, sentence: str, *, at: datetime) -> None:
    """End the job with a sentence that says why; it can be resumed. One that was cancelled meanwhile stays so."""
    mine = Job.objects.filter(pk=job.pk, lease=job.lease)
    with transaction.atomic():
        if mine.filter(state__in=UNFINISHED).update(state=State.FAILED, message=sentence[:1000], finished_at=at):
            tell_stopped(job, at)
        mine.update(lease=None, leased_until=None)


def note_failure(job: Job, part: JobSlice | None, error: Exception, *, at: datetime) -> bool:
    """After an error that rolled a slice back: try again a little later, three times at most. Never more to do now."""
    number = part.number if part else 0
    log.error("slice_failed", job=job.pk, kind=job.kind, part=number, error=error, trace=traceback.format_exc())
    if connection.in_atomic_block and connection.needs_rollback:
        raise error
    if job.failures + 1 >= ATTEMPTS:
        what = f"Part {number}" if part else "The end of the job"
        sentence = f"{what} failed {ATTEMPTS} times ({type(error).__name__}). What was done before it is kept."
        fail(job, sentence, at=at)
        return False
    Job.objects.filter(pk=job.pk, lease=job.lease).update(
        failures=job.failures + 1, lease=None, leased_until=Now() + PAUSE * (job.failures + 1)
    )
    return False
