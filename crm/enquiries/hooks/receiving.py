"""A signed message, once: its effect, the note that it was received and our answer are one transaction."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from rest_framework.exceptions import APIException

from crm.core.acting import acting, retry_deadlocks
from crm.core.api.problems import Problem, problem_of
from crm.core.errors import Refused
from crm.core.locks import hold
from crm.enquiries.hooks import calendar, chat
from crm.enquiries.hooks.reading import Event, read_event
from crm.enquiries.hooks.signing import Signed
from crm.enquiries.ics import read_ics
from crm.enquiries.models import Received, Source

VIA = "webhook"
ICS = "text/calendar"
JSON = "application/json"
# How long a message is remembered: senders give up after some days.
KEPT = timedelta(days=30)
# How old the note of the last use may be: it is for people, and not worth a write with every message.
NOTED = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sender is told."""

    status: int
    body: dict[str, Any]

    @property
    def refused(self) -> bool:
        """Whether nothing was done."""
        return self.status >= 400


@retry_deadlocks
def receive_once(signed: Signed, body: bytes, media_type: str, *, at: datetime) -> Answer:
    """Do what the message says, unless it was done: then the answer is the one it had.

    What was refused had no effect: it is noted with the reason, and tried again when it is sent again, for what was
    wrong may be right by then.

    Raises:
        Problem: `other_message`, when its id was another message's.
    """
    source = signed.source
    digest = hashlib.sha256(body).hexdigest()
    with acting(actor=source.user, via=VIA, at=at):
        hold(("received", f"{source.pk}\n{signed.message_id}"))
        known = Received.objects.filter(source=source, message_id=signed.message_id).first()
        if known is not None and known.status < 400:
            if known.digest != digest:
                said = "This id was another message's: each message has an id of its own. Nothing was done."
                raise Problem(409, "other_message", said)
            return Answer(known.status, known.answer)
        answer = _carry_out(signed, body, media_type, at=at)
        kept = {"digest": digest, "at": at, "status": answer.status, "answer": answer.body}
        Received.objects.update_or_create(source=source, message_id=signed.message_id, defaults=kept)
        if source.last_used_at is None or at - source.last_used_at >= NOTED:
            stale = Q(last_used_at=None) | Q(last_used_at__lt=at)
            Source.objects.filter(stale, pk=source.pk).update(last_used_at=at)
    return answer


def _carry_out(signed: Signed, body: bytes, media_type: str, *, at: datetime) -> Answer:
    source = signed.source
    try:
        with transaction.atomic():
            if source.kind == Source.Kind.CHAT:
                event = read_event(body, chat.KINDS, at=at)
                return Answer(200, chat.carry_out(source, event, signed.message_id, at=at))
            change = read_ics(body, at=at) if media_type == ICS else calendar.change_of(_event(body, at))
            return Answer(200, calendar.carry_out(source, change, at=at))
    except (Refused, Problem, APIException, ValidationError) as error:
        problem = problem_of(error)
        if problem is None or problem.status >= 500:
            raise
        return Answer(problem.status, problem.as_json())


def _event(body: bytes, at: datetime) -> Event:
    return read_event(body, calendar.KINDS, at=at)


def forget_received(*, at: datetime) -> int:
    """Forget messages that nobody sends again; how many."""
    return Received.objects.filter(at__lt=at - KEPT).delete()[0]
