"""The allowed moves as the spec page has them, written out once; and the facts that each move is content with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from crm.core.door import move
from crm.history.models import Move
from crm.people.models import User
from leads.models import Lead
from leads.statuses import Status
from tests.factories import START, make_lead

# status: each move away from it, as "verb: status it leads to".
SPEC = """
New
    enrich: New enriched
    qualify: New MQL
    work: Working to engage
    engage: Engaged
    schedule_meeting: Meeting scheduled
    nurture: Closed nurture
    do_not_contact: Closed do not contact
New enriched
    qualify: New MQL
    work: Working to engage
    engage: Engaged
    schedule_meeting: Meeting scheduled
    nurture: Closed nurture
    do_not_contact: Closed do not contact
New MQL
    work: Working to engage
    engage: Engaged
    schedule_meeting: Meeting scheduled
    nurture: Closed nurture
    do_not_contact: Closed do not contact
Working to engage
    engage: Engaged
    schedule_meeting: Meeting scheduled
    release: New
    release: New enriched
    release: New MQL
    nurture: Closed nurture
    do_not_contact: Closed do not contact
Engaged
    schedule_meeting: Meeting scheduled
    work_to_convert: Working to convert
    convert: SAO Converted
    nurture: Closed nurture
    do_not_contact: Closed do not contact
Meeting scheduled
    reschedule: Meeting scheduled
    fall_through: Engaged
    work_to_convert: Working to convert
    convert: SAO Converted
    nurture: Closed nurture
    do_not_contact: Closed do not contact
Working to convert
    schedule_meeting: Meeting scheduled
    convert: SAO Converted
    nurture: Closed nurture
    do_not_contact: Closed do not contact
Closed nurture
    qualify: New MQL
    work: Working to engage
    engage: Engaged
    schedule_meeting: Meeting scheduled
    do_not_contact: Closed do not contact
Closed do not contact
    lift: New
SAO Converted
    return_lead: Working to convert
"""


def _read(page: str) -> list[tuple[Status, str, Status]]:
    by_label = {status.label: status for status in Status}
    found: list[tuple[Status, str, Status]] = []
    for line in page.strip().splitlines():
        if line[0] != " ":
            status = by_label[line]
            continue
        verb, _, label = line.strip().partition(": ")
        found.append((status, verb, by_label[label]))
    return found


ALLOWED = _read(SPEC)
VERBS = list(dict.fromkeys(verb for _, verb, _ in ALLOWED))
POSSIBLE = {(status, verb) for status, verb, _ in ALLOWED}


def facts_for(verb: str, status: str, *, owner: User, at: datetime) -> dict[str, Any]:
    """Everything that the verb asks for, from this status."""
    held = {"meeting_outcome": "held"} if status == Status.MEETING_SCHEDULED else {}
    facts: dict[str, dict[str, Any]] = {
        "enrich": {"phone": "(415) 555-2671"},
        "qualify": {"employees": 500},
        "work": {"owner": owner},
        "engage": {"evidence": "call.connected"},
        "schedule_meeting": {"meeting_at": at + timedelta(days=1)},
        "reschedule": {"meeting_at": at + timedelta(days=2)},
        "fall_through": {"meeting_outcome": "no_show"},
        "work_to_convert": held,
        "convert": {
            **held,
            "opportunity_owner": owner,
            "next_step": "Call them",
            "next_step_due": at.date() + timedelta(days=3),
        },
        "nurture": {"nurture_reason": "no_budget"},
        "do_not_contact": {"do_not_contact_reason": "asked_us"},
        "place": {"status": Status.ENGAGED if status != Status.ENGAGED else Status.NEW},
    }
    return facts.get(verb, {})


def reason_for(verb: str) -> str:
    """The reason that some verbs ask for."""
    return "They said so" if verb in ("lift", "return_lead", "take_back") else ""


BANT: dict[str, Any] = {"budget": "confirmed", "authority": "confirmed", "need": "confirmed", "timing": "confirmed"}


def ready_lead(status: str, verb: str = "", **fields: Any) -> Lead:
    """A lead in this status that has everything the verb looks for on the record."""
    if verb == "convert":
        fields = BANT | fields
    if status == Status.CLOSED_NURTURE:
        fields = {"nurture_reason": "no_budget", "come_back_on": START.date()} | fields
    return make_lead(status=status, **fields)


def make_full_move(lead: Lead, verb: str, status: Status, *, actor: User, at: datetime) -> Move:
    """Ask for the move with every fact that it could ask for in that status."""
    facts = facts_for(verb, status, owner=actor, at=at)
    return move(lead, verb, actor=actor, at=at, via="test", reason=reason_for(verb), **facts)
