"""The minutes of a meeting as a file: who, the figures, what was decided, and every item; on record as every export."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs.cells import line
from crm.jobs.files import HEADER, part_name
from crm.jobs.kinds import JobKind, Row, register
from crm.jobs.models import Job, JobSlice
from crm.jobs.services import start_job
from crm.jobs.work import work_here
from crm.people.models import User
from crm.reviews.meetings.api import decisions_of
from crm.reviews.meetings.counts import counts_of
from crm.reviews.meetings.holding import kind_of
from crm.reviews.meetings.minutes import PAGE, Told, duration_words, figures, in_order, told
from crm.reviews.models import Meeting

KIND = "minutes.export"
HEAD = ["Part", "Name", "Says", "At the start", "At the end"]
ITEM = [
    "Place", "ID", "Owner", "Why", "State", "Answers", "Promised", "Changes", "Decided", "Skipped because", "Note",
    "Answered by", "Answered at",
]  # fmt: skip
COLUMNS = [*HEAD, *ITEM]


def export_minutes(meeting: Meeting, *, actor: User, at: datetime, via: str) -> Job:
    """Write the minutes into a file; of a meeting that runs, so far. The job is the record of it (L16).

    Raises:
        Refused: `forbidden`; `not_found` for a kind of meeting that there is no more.
    """
    refuse_others(actor)
    words = f"{meeting.get_kind_display().lower()}, {kind_of(meeting).scope_words(meeting.scope)}"
    day = timezone.localtime(meeting.started_at).date().isoformat()
    job = start_job(
        KIND,
        title=f"Export: minutes, {words}, {day}",
        by=actor,
        at=at,
        input={
            "model": Meeting._meta.label_lower,
            "plural": "minutes",
            "query": f"{words}, {day}",
            "meeting": meeting.pk,
            "at": at.isoformat(),
        },
        slices=[{"figures": True}],
        woken=False,
    )
    return work_here(job, via=via)


def refuse_others(user: User) -> None:
    """Everybody human who works here reads minutes.

    Raises:
        Refused: `forbidden`.
    """
    if not may(user, "view", Meeting):
        raise Refused("forbidden", "Minutes are for people who work here.")


def run(job: Job, part: JobSlice, at: datetime) -> list[Row]:
    """Write the file, as of the moment at which it was asked for."""
    meeting = Meeting.objects.select_related("started_by", "ended_by").get(pk=job.input["meeting"])
    text = io.StringIO()
    rows = list(lines(meeting, datetime.fromisoformat(job.input["at"])))
    csv.writer(text).writerows(line(row) for row in rows)
    name = part_name(job, part)
    default_storage.delete(name)
    part.input["file"] = default_storage.save(name, ContentFile(text.getvalue().encode()))
    job.input[HEADER] = COLUMNS
    Job.objects.filter(pk=job.pk).update(input=job.input, total=len(rows))
    return [{"id": None, "label": "Rows", "outcome": "exported", "code": "", "message": "", "count": len(rows)}]


def lines(meeting: Meeting, at: datetime) -> Iterator[list[Any]]:
    """The meeting, its figures, what was decided and noted of the whole; then each item in the order of the minutes."""
    none = [""] * len(ITEM)
    for name, said in _facts(meeting, at):
        yield ["Meeting", name, said, "", "", *none]
    for one in meeting.attendees.select_related("user"):
        yield ["There", str(one.user), "", "", "", *none]
    for figure in figures(meeting, at=at):
        yield ["Figure", figure.label, "", figure.before, figure.now, *none]
    for decision in decisions_of(meeting):
        yield ["Decision", "", decision, "", "", *none]
    if meeting.notes:
        yield ["Notes", "", meeting.notes, "", "", *none]
    items = list(in_order(meeting))
    for first in range(0, len(items), PAGE):
        for row in told(meeting, items[first : first + PAGE], at=at):
            yield ["Item", row.item.name, "", "", "", *_cells(meeting, row)]


def _facts(meeting: Meeting, at: datetime) -> Iterator[tuple[str, str]]:
    yield "Kind", meeting.get_kind_display()
    yield "Goes through", kind_of(meeting).scope_words(meeting.scope)
    yield "State", meeting.get_state_display()
    yield "Started", f"{_time(meeting.started_at)}, {meeting.started_by}"
    if meeting.ended_at:
        yield "Ended", f"{_time(meeting.ended_at)}, {meeting.ended_by}"
    yield "Took", duration_words(meeting, at=at)
    yield "Agenda", counts_of(meeting).words


def _cells(meeting: Meeting, one: Told) -> list[Any]:
    item, words = one.item, kind_of(meeting).reasons
    return [
        item.position, item.record_id, str(item.owner) if item.owner else "",
        "; ".join(words.get(code, code) for code in item.reasons), item.get_state_display(), "; ".join(one.answers),
        "; ".join(one.promised), "; ".join(f"{label}: {old} → {new}" for label, old, new in one.changes),
        item.decision, item.skip_reason, item.note, str(item.answered_by) if item.answered_by else "",
        _time(item.answered_at) if item.answered_at else "",
    ]  # fmt: skip


def _time(at: datetime) -> str:
    return timezone.localtime(at).isoformat(timespec="minutes")


register(JobKind(KIND, run=run, allow=lambda job: refuse_others(job.by)))
