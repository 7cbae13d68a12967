"""What people do with jobs: start, confirm, cancel, resume. Each is short; the work is a worker's (crm.jobs.work)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction

from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs import wake
from crm.jobs.kinds import tell_stopped
from crm.jobs.models import Job
from crm.jobs.slices import IdSlices, store_slices

if TYPE_CHECKING:
    from crm.people.models import User

State = Job.State


def start_job(
    kind: str,
    *,
    title: str,
    by: User,
    at: datetime,
    input: Mapping[str, Any],
    slices: Iterable[Mapping[str, Any]] | IdSlices,
    preview: bool = False,
    total: int | None = None,
    woken: bool = True,
) -> Job:
    """Store a job and wake a worker on commit; with `preview` it counts first and waits for `confirm_job`.

    `total` is the number of rows when the slices do not say it. `woken=False` is for who works it at once
    (`crm.jobs.work.work_here`).
    """
    with transaction.atomic():
        job = Job.objects.create(
            kind=kind,
            title=title[:255],
            by=by,
            asked_at=at,
            input=dict(input),
            state=State.PREVIEWING if preview else State.WAITING,
            confirmed_at=None if preview else at,
        )
        counted = store_slices(job, slices)
        job.total = counted if total is None else total
        job.save(update_fields=["total"])
        if woken:
            wake.on_commit()
    return job


def confirm_job(job: Job, *, by: User, at: datetime, typed: str = "", woken: bool = True) -> Job:
    """Let a previewed job run. A second confirmation, as of a double click, changes nothing.

    A job whose input says `typed` is confirmed by typing how many rows it is for: what cannot be done by a slip.

    Raises:
        Refused: `forbidden`, `gone`, `not_typed`, or `not_ready` while it still counts, or after it was cancelled
            or failed.
    """
    with transaction.atomic():
        locked = _locked(job, by)
        if locked.confirmed_at is not None and locked.state not in (State.CANCELLED, State.FAILED):
            return locked
        if locked.state != State.READY:
            raise Refused("not_ready", f"This job cannot be confirmed now. It is: {locked.get_state_display()}.")
        wanted = str(locked.allowed)
        if locked.input.get("typed") and re.sub(r"[\s,.]", "", typed) != wanted:
            raise Refused("not_typed", f"Type {wanted} to confirm.")
        locked.state, locked.confirmed_at, locked.done, locked.failures = State.WAITING, at, 0, 0
        locked.save(update_fields=["state", "confirmed_at", "done", "failures"])
        if woken:
            wake.on_commit()
    return locked


def cancel_job(job: Job, *, by: User, at: datetime) -> Job:
    """Stop a job before its next slice; what was done stays done. Cancelling twice is cancelling once.

    Raises:
        Refused: `forbidden`, `gone`, or `finished`.
    """
    with transaction.atomic():
        locked = _locked(job, by)
        if locked.state in (State.DONE, State.FAILED):
            raise Refused("finished", "This job has ended already.")
        if locked.state != State.CANCELLED:
            locked.state, locked.finished_at, locked.message = State.CANCELLED, at, f"Cancelled by {by}."
            locked.save(update_fields=["state", "finished_at", "message"])
            tell_stopped(locked, at)
    return locked


def resume_job(job: Job, *, by: User, at: datetime) -> Job:
    """Go on with a job that failed or was cancelled, with the slices that were not done.

    Raises:
        Refused: `forbidden`, `gone`, or `not_stopped`.
    """
    with transaction.atomic():
        locked = _locked(job, by)
        if locked.state not in (State.FAILED, State.CANCELLED):
            raise Refused("not_stopped", f"Nothing to resume. This job is: {locked.get_state_display()}.")
        locked.state = State.WAITING if locked.confirmed_at else State.PREVIEWING
        locked.message, locked.failures, locked.finished_at, locked.leased_until = "", 0, None, None
        locked.save(update_fields=["state", "message", "failures", "finished_at", "leased_until"])
        wake.on_commit()
    return locked


def _locked(job: Job, by: User) -> Job:
    locked = Job.objects.select_for_update(of=("self",)).select_related("by").filter(pk=job.pk).first()
    if locked is None:
        raise Refused("gone", "This job is no longer there.")
    if not may(by, "change", locked):
        raise Refused("forbidden", "A job is answered by who asked for it, or a manager.")
    return locked
