"""Conversations, bookings and mails of other systems: which enquiry one is part of, and what becomes of what follows.

While an enquiry waits for its answer, whatever else they write belongs to it: the promise runs from their first word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import models

from crm.activities.models import Activity
from crm.core.locks import hold
from crm.core.text import tidy
from crm.enquiries.holding_up import resume
from crm.enquiries.incoming import LONGEST_TEXT
from crm.enquiries.models import Enquiry, Thread
from crm.people.models import User

PERSON = ("lead", "contact", "account", "opportunity")
WROTE = "They wrote."


def hold_thread(system: str, key: str) -> None:
    """One at a time, until the transaction ends, for what another system calls one and the same."""
    hold(("thread", f"{system}\n{key}"))


def find_thread(system: str, keys: Iterable[str]) -> Thread | None:
    """What is known of the first of these that is known at all."""
    wanted = list(dict.fromkeys(key for key in keys if key))
    known = {one.key: one for one in Thread.objects.filter(system=system, key__in=wanted)}
    return next((known[key] for key in wanted if key in known), None)


def keep_thread(system: str, key: str, enquiry: Enquiry | None, *, at: datetime, sequence: int = 0) -> Thread:
    """Remember what another system calls this from now on; its conversation is not closed."""
    thread, _ = Thread.objects.update_or_create(
        system=system,
        key=key,
        defaults={"enquiry": enquiry, "last_at": at, "closed_at": None, "sequence": sequence},
    )
    return thread


def enquiry_of(thread: Thread) -> Enquiry | None:
    """The enquiry as it is now, with whom it belongs to."""
    if thread.enquiry_id is None:
        return None
    return Enquiry.objects.with_people().filter(pk=thread.enquiry_id).first()


def is_waiting(enquiry: Enquiry) -> bool:
    """Whether an answer is promised and still owed."""
    clock = enquiry.clock
    return clock is not None and clock.stopped_at is None and clock.voided_at is None


def about_of(enquiry: Enquiry) -> dict[str, models.Model]:
    """What a touch is with: who asked and their company; the enquiry itself while nobody knows who it was."""
    found = {name: one for name in PERSON if (one := getattr(enquiry, name)) is not None}
    return found or {"enquiry": enquiry}


def add_words(enquiry: Enquiry, text: str, *, kind: str, happened_at: datetime, actor: User) -> bool:
    """They wrote more before anybody answered: it stands with what they asked, and what waited for them runs on.

    False, and nothing is written, when it was answered at this very moment. Inside a domain call.
    """
    locked = Enquiry.objects.select_for_update(of=("self",)).get(pk=enquiry.pk)
    # The clock is read after the lock: whoever answers holds the enquiry first.
    if not is_waiting(locked):
        return False
    longer = "\n\n".join(filter(None, (locked.text, tidy(text))))
    if len(longer) <= LONGEST_TEXT:
        locked.text = longer
        locked.save(update_fields=["text"])
    else:
        log_inbound(about_of(enquiry), kind=kind, outcome="", text=text, happened_at=happened_at, actor=actor)
    paused_at = locked.clock.paused_at if locked.clock is not None else None
    if paused_at is not None and paused_at <= happened_at and not locked.barred:
        resume(enquiry, note=WROTE, actor=actor, at=happened_at, via="")
    return True


def log_inbound(
    about: Mapping[str, models.Model], *, kind: str, outcome: str, text: str, happened_at: datetime, actor: User
) -> Activity:
    """Write down what they sent; inside a domain call."""
    touch = Activity(
        by=actor,
        kind=kind,
        direction=Activity.Direction.INBOUND,
        outcome=outcome,
        text=text[:LONGEST_TEXT],
        happened_at=happened_at,
        **about,
    )
    touch.save()
    return touch


def log_sent(about: Mapping[str, models.Model], *, kind: str, by: User, text: str, happened_at: datetime) -> Activity:
    """Write down what one of us sent them, as theirs whoever tells us of it; inside a domain call."""
    touch = Activity(
        by=by,
        kind=kind,
        direction=Activity.Direction.OUTBOUND,
        outcome="sent",
        text=text[:LONGEST_TEXT],
        happened_at=happened_at,
        **about,
    )
    touch.save()
    return touch
