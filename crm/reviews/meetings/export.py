"""The minutes of a meeting as a file: who, the figures, what was decided, and every item; on record as every export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs.figures import FiguresFile
from crm.jobs.models import Job
from crm.people.models import User
from crm.reviews.meetings.api import decisions_of
from crm.reviews.meetings.counts import counts_of
from crm.reviews.meetings.holding import kind_of
from crm.reviews.meetings.minutes import PAGE, Told, duration_words, figures, in_order, told
from crm.reviews.models import Meeting

HEAD = ["Part", "Name", "Says", "At the start", "At the end"]
ITEM = [
    "Place", "ID", "Owner", "Why", "State", "Answers", "Promised", "Changes", "Decided", "Skipped because", "Note",
    "Answered by", "Answered at",
]  # fmt: skip
COLUMNS = [*HEAD, *ITEM]
MEETING = "meeting"


def export_minutes(meeting: Meeting, *, actor: User, at: datetime, via: str) -> Job:
    """Write the minutes into a file; of a meeting that runs, so far. The job is the record of it (L16).

    Raises:
        Refused: `forbidden`; `not_found` for a meeting of a kind that there is no more.
    """
    day = timezone.localtime(meeting.started_at).date()
    words = f"{meeting.get_kind_display()}, {kind_of(meeting).scope_words(meeting.scope)}, {day.isoformat()}"
    return FILE.export({MEETING: str(meeting.pk)}, title="minutes", said=words, actor=actor, at=at, via=via)


def may_export(user: User, meeting: Meeting) -> bool:
    """Whether somebody may take minutes away: who may take away the records that they are about."""
    return may(user, "view", Meeting) and may(user, "export", kind_of(meeting).model)


def refuse_others(user: User, asked: Mapping[str, str]) -> None:
    """Everybody who works here reads minutes; records one by one leave Plumb with managers alone.

    Raises:
        Refused: `forbidden`; `not_found`.
    """
    if not may_export(user, _meeting(asked)):
        raise Refused("forbidden", "Minutes are for managers to take away.")


def _meeting(asked: Mapping[str, str]) -> Meeting:
    found = Meeting.objects.select_related("started_by", "ended_by").filter(pk=int(asked[MEETING])).first()
    if found is None:
        raise Refused("not_found", "There is no such meeting.")
    return found


def lines(asked: Mapping[str, str], at: datetime) -> Iterator[list[Any]]:
    """The meeting, its figures, what was decided and noted of the whole; then each item in the order of the minutes."""
    meeting, none = _meeting(asked), [""] * len(ITEM)
    yield COLUMNS
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


FILE = FiguresFile("minutes.export", Meeting, lines, refuse_others)
