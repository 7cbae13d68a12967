"""How far a bulk job is, as programs are told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from crm.jobs.models import Job
from crm.sync.models import BulkJob

OPEN, GIVEN_UP = "open", "given_up"
STATES = (OPEN, GIVEN_UP, "waiting", "running", "done", "failed", "cancelled")
STOPPED = (Job.State.FAILED, Job.State.CANCELLED)
OUTCOMES = ("created", "updated", "unchanged", "deleted", "rejected", "unprocessed")


def state_of(bulk: BulkJob) -> str:
    """It takes parts, was given up before it was started, or what its job says."""
    if bulk.job is not None:
        return str(bulk.job.state)
    return OPEN if bulk.closed_at is None else GIVEN_UP


def counts_of(bulk: BulkJob) -> dict[str, int]:
    """How many rows so far had each outcome."""
    counted = bulk.job.counts.get("outcomes", {}) if bulk.job else {}
    return {name: int(counted.get(name, 0)) for name in OUTCOMES}


def percent_of(bulk: BulkJob) -> int:
    """How much of the upload is done, in whole percent; 100 only when all of it is."""
    return min(100, bulk.offset * 100 // bulk.bytes) if bulk.bytes and bulk.job is not None else 0


def described(bulk: BulkJob) -> dict[str, Any]:
    """A job as it is answered."""
    job = bulk.job
    times: dict[str, datetime | None] = {
        "made_at": bulk.made_at,
        "closed_at": bulk.closed_at,
        "started_at": job.started_at if job else None,
        "finished_at": job.finished_at if job else bulk.closed_at,
    }
    return {
        "id": bulk.pk,
        "resource": bulk.resource,
        "operation": bulk.operation,
        "system": bulk.system,
        "format": bulk.form,
        "all_or_nothing": bulk.all_or_nothing,
        "label": bulk.label,
        "state": state_of(bulk),
        "message": job.message if job else "",
        "rows_done": bulk.row,
        "bytes_done": bulk.offset if job else 0,
        "bytes": bulk.bytes,
        "counts": counts_of(bulk),
        "request_id": job.request_id if job else "",
        **times,
    }
