"""What a lead pipeline review shows of one lead: its clock, its touches, its path, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.formats import date_format

from crm import handbook
from crm.activities.models import Activity, NextTouch
from crm.checkups.words import counted
from crm.clocks.countdown import countdown
from crm.core.dialogs import url_of
from crm.core.display import short_day
from crm.core.offers import moves_of
from crm.core.permissions import may
from crm.enquiries.models import Enquiry
from crm.enquiries.time_left import TimeLeft
from crm.people.models import User
from crm.reviews.lead_review.words import age, source_words
from crm.reviews.models import Item
from leads.models import Lead
from leads.page import LEADS_ON, QUIET, path_of
from leads.statuses import CLOSED

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Clock:
    """An enquiry that waits for an answer: what it is, its page, and the time that is left."""

    enquiry: Enquiry
    address: str
    left: Any


@dataclass(frozen=True, slots=True)
class Offer:
    """A move that can be made: its dialog, and how it stands out."""

    verb: str
    label: str
    address: str
    tone: str


def card_of(item: Item, lead: Lead, *, user: User, at: datetime) -> dict[str, Any]:
    """Everything that the template shows; a constant number of queries, whatever happened to the lead."""
    book = handbook.current()
    moves = moves_of(lead, actor=user, at=at)
    touch = Activity.objects.filter(lead=lead).select_related("by").newest_first().first()
    planned = NextTouch.objects.filter(lead=lead).first()
    today = book.today(at)
    return {
        "facts": _facts(lead, at),
        "clocks": _clocks(lead, at),
        "touch": touch,
        "touched_ago": _ago(touch.happened_at, at) if touch else "",
        "planned": planned,
        "planned_kind": book.label("touch.kinds", planned.kind) if planned else "",
        "planned_day": short_day(planned.due_on, today) if planned else "",
        "overdue": planned is not None and planned.due_on < today,
        "bars": lead.bars,
        "path": path_of(lead),
        "closed_keys": [str(key) for key in CLOSED],
        "moves": _offers(lead, [one.verb for one in moves.possible]),
        "blocked": moves.blocked,
        "may_change": may(user, "change", lead),
    }


def _facts(lead: Lead, at: datetime) -> list[tuple[str, str]]:
    """Label and value, in the order in which a review speaks of them."""
    limits: Mapping[Any, int] = handbook.current().reviews.lead_days
    limit = limits.get(lead.status)
    since = (at - lead.status_since).total_seconds()
    owner = str(lead.owner) if lead.owner else f"Nobody, in the queue of {lead.queue}" if lead.queue else "Nobody"
    allowed = f" of {limit} d allowed" if limit else ""
    found = [
        ("Owner", owner),
        ("Status", f"{lead.get_status_display()}, {age(since)}{allowed}"),
        ("Company", ", ".join(word for word in (lead.title, lead.company) if word)),
        ("Lead source", source_words(lead.lead_source)),
        ("Email", lead.email),
        ("Phone", lead.phone or lead.mobile),
    ]
    if lead.meeting_at is not None:
        found.append(("Meeting", date_format(lead.meeting_at.astimezone(handbook.current().zone), "DATETIME_FORMAT")))
    return [(label, value) for label, value in found if value]


def _clocks(lead: Lead, at: datetime) -> list[Clock]:
    left = TimeLeft.objects.filter(lead_id=lead.pk).first()
    running = Enquiry.objects.filter(
        lead=lead, clock__stopped_at=None, clock__voided_at=None, clock__paused_at=None, clock__isnull=False
    )
    found: list[Any] = list(running.select_related("clock").order_by("clock__limit_at", "pk")[:SHOWN])
    return [
        Clock(
            one,
            reverse("admin:enquiries_enquiry_change", args=[one.pk]),
            countdown(one.clock.limit_at, at, near=bool(left and left.warned and one.clock.limit_at == left.limit_at)),
        )
        for one in found
    ]


def _ago(moment: datetime, at: datetime) -> str:
    days = (at - moment).days
    return "today" if days < 1 else f"{counted(days, 'day')} ago"


def _offers(lead: Lead, verbs: list[Any]) -> list[Offer]:
    """The moves that this person can make, the likely one first, ways aside last."""
    names = {one.name for one in verbs}
    main = next((name for name in LEADS_ON if name in names), "")
    found = [
        Offer(
            one.name,
            one.label,
            url_of(lead, "move", one.name),
            "main" if one.name == main else "quiet" if one.name in QUIET else "",
        )
        for one in verbs
    ]
    return sorted(found, key=lambda one: ("main", "", "quiet").index(one.tone))
