"""The sections of the handbook file about answering people: business hours, enquiries, policies, and who is told."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from crm.handbook.entries import Entry, Section, Sentence
from crm.handbook.values import ClockTime, Days, Key, Label, OpenTime, Promised, Zone

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
# Who is told: whose the record is, the manager of their team, or every administrator; others by their email.
TOLD = ("owner", "manager", "administrators")
NoticeKind = Literal[
    "response_warned",
    "response_breached",
    "response_escalated",
    "enquiry_received",
    "checkup_done",
    "checkup_rose",
    "finding_assigned",
    "ritual_due",
    "meeting_minutes",
    "review_summary",
    "webhook_silent",
    "key_expires",
]


def _is_told(value: str) -> str:
    if value not in TOLD and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        raise ValueError(f"{', '.join(TOLD)}, or the email of a user")
    return value


Told = Annotated[str, AfterValidator(_is_told)]


class OwnDay(Section):
    """A day, or the days to `last`, with hours of its own: closed, or open at these times only (a half day)."""

    day: date
    last: date | None = None
    label: Label
    open: tuple[OpenTime, ...] = ()


class Hours(Section):
    """When the company is at work (R4). `closes` is the first minute that is closed.

    `weekdays`: weekdays with other times, several a day where there is a break; days that are in neither are closed.
    `own_days`: days and holidays of the company's own, half days and closures.
    """

    days: Annotated[tuple[Weekday, ...], Field(min_length=1)]
    opens: ClockTime
    closes: ClockTime
    weekdays: dict[Weekday, tuple[OpenTime, ...]] = Field(default_factory=dict)
    zone: Zone | None = None
    holidays: Literal["US", "none"]
    own_days: tuple[OwnDay, ...] = ()


class OtherHours(Hours):
    """Hours that a policy may count by instead of the company's."""

    key: Key


class Channel(Entry):
    """A way that requests come in (R8). `form`: people outside may choose it on the plain form. `priorities`: a request
    by it has one. `team`: whose queue one stands in that nobody is known of."""

    form: bool = False
    priorities: bool = False
    team: Label | None = None


class Priority(Entry):
    """How urgent a request of a customer is: what it means, how we are best reached about it, and who answers (S1)."""

    meaning: Sentence
    contact: Sentence
    responder: Label


class Enquiry(Section):
    """Requests of prospects and customers: the ways they come in, how urgent they are, and why one is voided.

    `default_priority`: of a request that does not say.
    """

    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]
    priorities: Annotated[tuple[Priority, ...], Field(min_length=1)]
    default_priority: Key
    void_reasons: Annotated[tuple[Entry, ...], Field(min_length=1)]
    pause_reasons: Annotated[tuple[Entry, ...], Field(min_length=1)]


class Promise(Section):
    """Until when somebody is answered. `target`: what is aimed at; `limit`: what is promised."""

    limit: Promised
    target: Promised | None = None


class Escalation(Section):
    """Who is told when nobody has answered, and how long after the limit; without a span, at the limit."""

    to: Annotated[tuple[Told, ...], Field(min_length=1)]
    after: Promised | None = None


class Policy(Entry):
    """How fast which requests are answered (R1-R3, S1, S2).

    Which: every condition that is given has to hold. `segments`: who asks, somebody of a customer or anybody else;
    `tiers`: their account's, "" for none. `promise`: what holds for a request that comes within business hours, and for
    every other unless `outside` says different; without one there is no guarantee, and no clock.
    `stops`: what ends the clock; a response always does. `warn`: at which parts of the time to the limit, in percent;
    passing the target is one by itself. `hours`: the key of other hours; `holidays_open`: holidays are days as any.
    """

    channels: Annotated[tuple[Key, ...], Field(min_length=1)]
    priorities: tuple[Key, ...] = ()
    segments: tuple[Literal["customer", "prospect"], ...] = ()
    tiers: tuple[str, ...] = ()
    promise: Promise | None = None
    outside: Promise | None = None
    stops: tuple[Literal["response", "meeting"], ...] = ("response",)
    warn: tuple[Annotated[int, Field(gt=0, lt=100)], ...] = ()
    escalate: tuple[Escalation, ...] = ()
    hours: Key | None = None
    holidays_open: bool = False


class ChatChannel(Entry):
    """A room of the company's chat; its address is a secret, set by the environment (`CHAT_WEBHOOKS`). `dri`: the email
    of the Directly Responsible Individual (DRI)."""

    dri: Label


class NoticeRule(Section):
    """How a kind of notice reaches people besides the bell: a chat room, and email unless somebody wants none."""

    kind: NoticeKind
    label: Label
    chat: Key | None = None
    email: bool = True
    always: bool = False


class Notices(Section):
    """How people are told (R6), and for how many days delivery of a notice is tried."""

    chats: tuple[ChatChannel, ...] = ()
    kinds: Annotated[tuple[NoticeRule, ...], Field(min_length=1)]
    try_days: Days
