"""Sending the minutes to those who were there: by the bell and by email, once to each person and sending."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from crm.core.acting import acting, retry_deadlocks
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.notifications.services import Notice, notify
from crm.people.models import User
from crm.reviews.meetings.counts import counts_of
from crm.reviews.meetings.holding import kind_of, store
from crm.reviews.meetings.minutes import Told, duration_words, in_order, told
from crm.reviews.models import Item, Meeting

KIND = "meeting_minutes"
MOST_TOLD = 100  # items in an email: all of them are on the page


@retry_deadlocks
def send_minutes(meeting: Meeting, *, revision: int | None = None, actor: User, at: datetime, via: str) -> Meeting:
    """Send the minutes of a meeting that was held to everybody who was there and works here.

    `revision` is the one that was looked at: sent twice by a slip, they leave once.

    Raises:
        Refused: `not_found`; `forbidden` for who was neither there nor is a manager; `not_held`; `sent_meanwhile`.
    """
    with acting(actor=actor, via=via, at=at):
        locked = Meeting.objects.select_for_update(of=("self",)).filter(pk=meeting.pk).first()
        if locked is None:
            raise Refused("not_found", "There is no such meeting.")
        if not (may(actor, "send", locked) or may(actor, "hold", locked)):
            raise Refused("forbidden", "Minutes are sent by somebody who was there, or by a manager.")
        if locked.state != Meeting.State.HELD:
            raise Refused("not_held", "It has no minutes to send: it was not finished.")
        if revision is not None and locked.revision != revision:
            raise Refused("sent_meanwhile", "The minutes were sent meanwhile.")
        locked.sent_at = at
        store(locked, "sent_at")
        people = User.objects.active_people().filter(meetings_attended__meeting=locked)
        title = f"Minutes: {locked.get_kind_display().lower()} of {_day(locked.started_at)}"
        text = "\n".join(lines(locked, at=at))
        address = reverse("admin:meeting_minutes", args=[locked.pk])
        key = f"{KIND}:{locked.pk}:{locked.revision}"
        notify((Notice(one.pk, KIND, key, title, text, address) for one in people), at=at)
    return locked


def lines(meeting: Meeting, *, at: datetime) -> Iterator[str]:
    """The minutes as plain text."""
    review, counts = kind_of(meeting), counts_of(meeting)
    there = ", ".join(str(one.user) for one in meeting.attendees.select_related("user"))
    yield f"{review.scope_words(meeting.scope)}. {counts.words}."
    yield f"{_day(meeting.started_at)}, {duration_words(meeting, at=at)}. There: {there or 'nobody'}."
    for title, text in (("Decisions", meeting.decisions), ("Notes", meeting.notes)):
        if text:
            yield ""
            yield f"{title}:"
            yield text
    state = ""
    for one in told(meeting, list(in_order(meeting)[:MOST_TOLD]), at=at):
        if one.item.state != state:
            state = one.item.state
            yield ""
            yield f"{one.item.get_state_display()}:"
        yield from _item(one)
    if counts.total > MOST_TOLD:
        yield f"And {counts.total - MOST_TOLD:,} more, on the page."


def _item(one: Told) -> Iterator[str]:
    item = one.item
    said = "; ".join(one.answers)
    yield f"- {item.name}{f': {said}' if said else ''}"
    for label, before, after in one.changes:
        yield f"  {label}: {before} → {after}"
    for line in one.promised:
        yield f"  {line}"
    if item.decision:
        yield f"  Decided: {item.decision}"
    if item.skip_reason and item.state != Item.State.ANSWERED:
        yield f"  {item.skip_reason}"
    if item.note:
        yield f"  {item.note}"


def _day(at: datetime) -> str:
    return str(date_format(timezone.localtime(at), "DATE_FORMAT"))
