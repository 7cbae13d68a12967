"""One enquiry as pages show it: its clock, what happened to it, whose it is, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model
from django.urls import reverse

from accounts.models import Account, Contact
from crm import handbook
from crm.clocks.models import Clock, ClockEvent
from crm.clocks.services import events_of, policy_of
from crm.core.dialogs import url_of
from crm.core.permissions import may
from crm.enquiries.dialogs import verbs_for
from crm.enquiries.models import Enquiry
from crm.enquiries.subjects import title_of
from crm.enquiries.waiting import stand, with_verdict
from crm.people.models import User
from leads.models import Lead

# What is written down more than this after its time was late.
LATE = timedelta(minutes=2)
ICONS = {
    "started": "flag",
    "paused": "pause",
    "resumed": "play_arrow",
    "warned": "notification_important",
    "stopped": "check_circle",
    "breached": "timer_off",
    "escalated": "trending_up",
    "recalculated": "update",
    "voided": "block",
    "reopened": "undo",
}
STEPS = {
    "target": "the target has passed",
    "before_closing": "its limit falls in closed time: before closing",
    "at_opening": "its limit fell in closed time: at opening",
}
OTHER_KINDS: dict[str, type[Model]] = {"lead": Lead, "contact": Contact, "account": Account}


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a clock in words."""

    at: datetime
    icon: str
    title: str
    kind: str
    who: str
    text: str
    recorded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Other:
    """Another record that the same details name."""

    record: Model
    kind: str
    address: str
    choice: str


def told(event: ClockEvent) -> Told:
    """What happened, in a sentence; when it was written, where that was late."""
    title = event.get_kind_display()
    step = event.step
    if event.kind == ClockEvent.Kind.WARNED:
        part = step.removeprefix("warn_")
        said = STEPS.get(step) or (f"{part}% of the time has passed" if part.isdigit() else "")
        title = f"{title}: {said}" if said else title
    elif event.kind == ClockEvent.Kind.ESCALATED:
        title = f"Escalated, step {step.removeprefix('escalate_')}"
    late = event.recorded_at - event.at > LATE and event.step != ""
    return Told(
        event.at,
        ICONS.get(event.kind, "schedule"),
        title,
        event.kind,
        str(event.by) if event.by else "",
        event.reason,
        event.recorded_at if late else None,
    )


def explain_address(clock: Clock | None) -> str:
    """The page that explains a clock minute by minute."""
    return reverse("admin:clocks_clock_explain", args=[clock.pk]) if clock is not None else ""


def others_of(enquiry: Enquiry) -> list[Other]:
    """The other records that the details name, those that are still there; one query for each kind."""
    stored = enquiry.others if isinstance(enquiry.others, list) else []
    wanted = [(str(one.get("kind", "")), one.get("id")) for one in stored if isinstance(one, dict)]
    found = []
    for name, kind in OTHER_KINDS.items():
        ids = [pk for kind_name, pk in wanted if kind_name == name and isinstance(pk, int)]
        rows = kind._base_manager.in_bulk(ids) if ids else {}
        for pk in ids:
            if pk in rows:
                choice = f"{name}:{pk}" if name in ("lead", "contact") else ""
                found.append(Other(rows[pk], name, url_of(rows[pk], "change"), choice))
    return found


def clock_words(clock: Clock) -> dict[str, Any]:
    """The clock's policy in words."""
    policy = policy_of(clock)
    return {
        "policy": policy.label,
        "came": "within business hours" if clock.in_hours else "outside business hours",
        "explain": explain_address(clock),
    }


def enquiry_page(enquiry: Any, *, user: User, at: datetime) -> dict[str, Any]:
    """Everything on an enquiry's page."""
    stand([enquiry], at=at)
    clock = enquiry.clock
    events = events_of([clock])[clock.pk] if clock is not None else []
    verbs = verbs_for(enquiry, user)
    book = handbook.current()
    return {
        "enquiry": enquiry,
        "enquiry_title": title_of(enquiry),
        "standing": enquiry.standing,
        "clock": clock,
        **(clock_words(clock) if clock is not None else {}),
        "events": [told(event) for event in events],
        "verbs": verbs,
        "main_verb": "claim" if any(one.name == "claim" for one in verbs) else "answer",
        "others": others_of(enquiry),
        "may_attach": any(one.name == "attach" for one in verbs),
        "belongs": belongs(enquiry),
        "priority": book.label("enquiry.priorities", enquiry.priority) if enquiry.priority else "",
        "void_reason": book.label("enquiry.void_reasons", enquiry.void_reason) if enquiry.void_reason else "",
        "kept": sorted(enquiry.kept.items()) if isinstance(enquiry.kept, dict) else [],
        "answer": enquiry.answer,
    }


def belongs(enquiry: Enquiry) -> Sequence[tuple[str, Model, str]]:
    """The records that it is of: what each is called, and where its page is."""
    found = []
    for label, record in (
        ("Lead", enquiry.lead),
        ("Contact", enquiry.contact),
        ("Account", enquiry.account),
        ("Opportunity", enquiry.opportunity),
    ):
        if record is not None:
            found.append((label, record, url_of(record, "change")))
    return found


def enquiries_of(record: Model, *, user: User, at: datetime, most: int) -> list[Any]:
    """The newest enquiries of a record, those to be answered first, each with its standing and what can be done."""
    name = str(record._meta.model_name)
    rows = with_verdict(Enquiry.objects.with_people().filter(**{name: record}))
    found: list[Any] = list(rows.unanswered().order_by("clock__limit_at", "pk")[:most])  # type: ignore[attr-defined]
    if len(found) < most:
        shown = [row.pk for row in found]
        found += list(rows.exclude(pk__in=shown).order_by("-received_at", "-pk")[: most - len(found)])
    stand(found, at=at)
    for row in found:
        row.title = title_of(row)
        row.may_answer = row.standing.runs and may(user, "answer", row)
        row.explain = explain_address(row.clock)
    return found
