"""Kinds of jobs that do little: what they do to accounts shows how often each slice was done."""

from __future__ import annotations

import time
from datetime import datetime

from accounts.models import Account
from crm.core.errors import Refused
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import Heartbeat, Job, JobSlice
from crm.jobs.wake import TASK


def rename(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """Write an exclamation mark behind each name; where the job says so, be slow once, or fail."""
    rows = []
    for number, pk in enumerate(part.input["ids"]):
        account = Account.objects.get(pk=pk)
        account.name += "!"
        account.save(update_fields=["name"])
        rows.append({"id": pk, "label": account.name, "outcome": "changed", "code": "", "message": ""})
        if job.input.get("hang") == part.number and number == 0:
            hang()
    if job.input.get("fail") == part.number:
        raise ZeroDivisionError("as it was told to")
    if job.input.get("refuse") == part.number:
        raise Refused("no_more", "There is nothing left to write with.")
    return rows


def hang() -> None:
    """The first run says that it has begun, from outside its transaction, and never ends."""
    from tests.races import second_connection

    if Heartbeat.objects.filter(part="hanging").exists():
        return
    with second_connection() as session:
        session.execute("INSERT INTO jobs_heartbeat (part, at) VALUES ('hanging', now())")
        session.commit()
    time.sleep(600)


def look(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """Every second account is refused."""
    return [
        {"id": pk, "outcome": "refused", "code": "odd", "message": "Its turn is never."}
        if number % 2
        else {"id": pk, "outcome": "allowed", "code": "", "message": ""}
        for number, pk in enumerate(part.input["ids"])
    ]


def conclude(job: Job, at: datetime) -> None:
    """Say so."""
    job.message = "All names have their mark."


def only_managers(job: Job) -> None:
    """As an operation that not everybody may have done."""
    if job.input.get("managers") and not job.by.is_manager:
        raise Refused("forbidden", "Only a manager may have names marked.")


RENAME = register(JobKind("tests.rename", rename, preview=look, finish=conclude, allow=only_managers))
__all__ = ["RENAME", "TASK"]
