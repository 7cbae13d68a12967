"""A request as it came in, and whether it will do: the same answer for a form, a program, a mail and a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError

from crm import handbook
from crm.core.errors import Missing, Refused
from crm.core.keys import compute_keys
from crm.core.linkedin import person_profile
from crm.core.text import tidy
from crm.enquiries.models import Enquiry
from leads.models import Lead

if TYPE_CHECKING:
    from django.db import models

    from crm.people.models import User

# A sender's clock that runs a little ahead of ours is no reason to refuse; what it says counts as now.
CLOCK_DRIFT = timedelta(minutes=5)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LONGEST_TEXT = 100_000
LINES = ("subject", "name", "company", "email", "linkedin_url", "phone", "website", "system", "external_id")
# Any one of them is something that can be answered.
SUBSTANCE = ("text", "subject", "name", "email", "linkedin_url", "phone")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came in; texts as they were sent. `channel` and `priority` are keys of the handbook.

    `system` and `external_id` name the message in another system: the same one is received once. `meeting_at` is the
    slot they booked. `kept` are values of an import that have no field here. `owner` gets the lead that is made for
    them, if one is: whom they booked.
    """

    channel: str
    received_at: datetime
    text: str = ""
    subject: str = ""
    name: str = ""
    company: str = ""
    email: str = ""
    linkedin_url: str = ""
    phone: str = ""
    priority: str = ""
    system: str = ""
    external_id: str = ""
    meeting_at: datetime | None = None
    website: str = ""
    owner: User | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Keys:
    """What somebody is matched by."""

    email: str
    linkedin: str

    def __bool__(self) -> bool:
        return bool(self.email or self.linkedin)


def read_incoming(incoming: Incoming, *, at: datetime) -> Incoming:
    """The same, tidied and with its priority.

    Raises:
        Refused: `missing_facts`, with a `Missing` for each field that will not do.
    """
    values = {name: tidy(str(getattr(incoming, name) or "")) for name in ("channel", "priority", "text", *LINES)}
    for name in ("linkedin_url", "website"):
        if values[name] and "://" not in values[name]:
            values[name] = f"https://{values[name]}"
    wrong = [*_words(values), *_times(incoming, at), *_texts(values)]
    if wrong:
        raise Refused("missing_facts", " ".join(item.message for item in wrong), wrong)
    book = handbook.current()
    if book.channel(values["channel"]).priorities and not values["priority"]:
        values["priority"] = book.enquiry.default_priority
    return replace(incoming, received_at=min(incoming.received_at, at), **values)  # type: ignore[arg-type]


def keys_of(*, email: str, linkedin_url: str) -> Keys:
    """What these details are matched by, empty where there is nothing to match."""
    (email_key,) = compute_keys("email_key", [email])
    (linkedin_key,) = compute_keys("linkedin_key", [linkedin_url])
    return Keys(email_key, linkedin_key)


def _words(values: Mapping[str, str]) -> Iterator[Missing]:
    """The channel and the priority are the handbook's."""
    book = handbook.current()
    channels = {one.key: one for one in book.enquiry.channels}
    channel, priority = channels.get(values["channel"]), values["priority"]
    if channel is None:
        yield Missing("invalid_channel", f"Channel: one of {', '.join(channels)}.", "channel")
    if not priority:
        return
    if channel is not None and not channel.priorities:
        yield Missing("invalid_priority", f"Priority: a request by {channel.label} has none.", "priority")
    elif priority not in (known := [one.key for one in book.enquiry.priorities]):
        yield Missing("invalid_priority", f"Priority: one of {', '.join(known)}.", "priority")


def _times(incoming: Incoming, at: datetime) -> Iterator[Missing]:
    received, meeting = incoming.received_at, incoming.meeting_at
    if not isinstance(received, datetime) or received.tzinfo is None:
        yield Missing("invalid_received_at", "Received: a day and a time with its zone.", "received_at")
    elif received > at + CLOCK_DRIFT:
        yield Missing("invalid_received_at", "Received: this time is still to come.", "received_at")
    elif received < EARLIEST:
        yield Missing("invalid_received_at", f"Received: a time since {EARLIEST.year}.", "received_at")
    if meeting is not None and (not isinstance(meeting, datetime) or meeting.tzinfo is None):
        yield Missing("invalid_meeting_at", "Meeting: a day and a time with its zone.", "meeting_at")
    elif meeting is not None and not EARLIEST <= meeting <= at + timedelta(days=3660):
        yield Missing("invalid_meeting_at", "Meeting: a time within the next ten years.", "meeting_at")


def _texts(values: Mapping[str, str]) -> Iterator[Missing]:
    """What fits into its field; and something at all that can be answered."""
    for name in LINES:
        kept: models.Field[Any, Any] = (Lead if name == "website" else Enquiry)._meta.get_field(name)  # type: ignore[assignment]
        try:
            kept.clean(values[name], None)
            if name == "linkedin_url":
                person_profile(values[name])
        except ValidationError as error:
            label = str(kept.verbose_name)
            said = f"{label[:1].upper()}{label[1:]}: {' '.join(error.messages)}"
            yield Missing(f"invalid_{name}", said, name)
    if len(values["text"]) > LONGEST_TEXT:
        yield Missing("invalid_text", f"Text: {LONGEST_TEXT:,} characters at most.", "text")
    if not any(values[name] for name in SUBSTANCE):
        yield Missing("needs_text", "Say what they ask for, or who they are.", "text")
    if values["external_id"] and not values["system"]:
        yield Missing("needs_system", "System: the one that this id is of.", "system")
