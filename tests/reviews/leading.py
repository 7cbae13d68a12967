"""A small random world of leads, and what a lead pipeline review says of it, counted lead by lead in plain Python."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crm import handbook
from crm.activities.models import Activity, NextTouch
from crm.core.acting import acting
from crm.core.door import move
from crm.core.errors import Refused
from crm.enquiries.time_left import TimeLeft
from crm.history.models import Move
from crm.people.models import User
from leads.models import Lead
from leads.statuses import OPEN, PATH, Status
from tests.factories import make_lead

MANY = 30
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SOURCES = ("", "website", "partner")
# Moves that need nothing, or what stands here.
VERBS: dict[str, dict[str, Any]] = {
    "work": {},
    "release": {},
    "engage": {"evidence": "call.connected"},
    "work_to_convert": {},
    "nurture": {"nurture_reason": "no_budget"},
    "take_back": {},
}


def make_world(now: datetime, people: Sequence[User], *, seed: int, count: int = MANY) -> None:
    """Leads of these people and of nobody, at all ages, moved here and elsewhere before they came."""
    chance, system = random.Random(seed), User.objects.system()
    teams = [one.team for one in people if one.team]
    for _ in range(count):
        came = now - chance.randint(2, 60) * DAY - chance.randint(0, 23) * HOUR
        owner = chance.choice([*people, None])
        status = chance.choice([Status.NEW, Status.NEW, *OPEN, Status.CLOSED_NURTURE])
        # Where it waited stays with it once somebody has it.
        queue = chance.choice([*teams, None])
        lead = make_lead(status=status, at=came, owner=owner, queue=queue, lead_source=chance.choice(SOURCES))
        with acting(actor=system, via="test", at=came):
            Lead.objects.filter(pk=lead.pk).update(created_at=came - chance.choice([0, 0, 5]) * DAY)
            if chance.random() < 0.3:
                _moved_elsewhere(chance, lead, came, system)
        lead = Lead.objects.get(pk=lead.pk)
        moment = came
        for _ in range(chance.randint(0, 4)):
            moment += chance.randint(1, 9) * DAY
            if moment < now:
                _moved_here(chance, lead, moment, owner or system)
        with acting(actor=system, via="test", at=now):
            if chance.random() < 0.5:
                happened = now - chance.randint(0, 40) * DAY
                Activity.objects.create(kind="note", happened_at=happened, by=system, lead=lead)
            if chance.random() < 0.4:
                NextTouch.objects.create(lead=lead, due_on=now.date(), kind="call")
        if chance.random() < 0.4:
            limit = chance.choice([None, now - HOUR, now, now + HOUR])
            TimeLeft.objects.create(lead_id=lead.pk, limit_at=limit, warned=chance.random() < 0.5)


def _moved_here(chance: random.Random, lead: Lead, at: datetime, actor: User) -> None:
    verb, facts = chance.choice(list(VERBS.items()))
    system = User.objects.system()
    try:
        if chance.random() < 0.3:
            status = chance.choice([*OPEN, Status.CLOSED_NURTURE])
            move(lead, "place", actor=system, at=at, via="test", status=str(status))
        else:
            move(lead, verb, actor=actor, at=at, via="test", **facts)
    except Refused:
        lead.refresh_from_db()


def _moved_elsewhere(chance: random.Random, lead: Lead, came: datetime, system: User) -> None:
    """Moves that another system recorded, up to the status that the lead had when it came, or to one before it."""
    words = ["new", "Lukewarm", "working_to_engage", str(lead.status)][chance.randint(0, 2) :]
    words = words[: chance.choice([2, 3, 4])]
    for number, (old, new) in enumerate(itertools.pairwise(words), 2 - len(words)):
        if old != new:
            Move.objects.create(
                object="lead",
                record_id=lead.pk,
                version=number,
                from_state=old,
                to_state=new,
                verb="place",
                actor_id=system.pk,
                at=came - (1 - number) * 3 * DAY,
            )


# --- counted one by one -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """One lead: whose it is, and everything that figures say of it."""

    pk: int
    status: str
    owner: int | None
    team: int | None
    source: str
    age: float
    needs: frozenset[str]
    steps: Sequence[tuple[datetime, int, str, str]]


def look(now: datetime) -> list[Seen]:
    """Every lead, looked at with nothing but its own records."""
    return [_look(lead, now) for lead in Lead.objects.select_related("owner")]


def _look(lead: Lead, now: datetime) -> Seen:
    reviews = handbook.current().reviews
    left = TimeLeft.objects.filter(lead_id=lead.pk).first()
    state, needs = left.state(now) if left else "none", set()
    if state in ("breached", "at_risk"):
        needs.add(state)
    if lead.status in OPEN:
        limits: Any = reviews.lead_days
        if now - lead.status_since > timedelta(days=limits[lead.status]):
            needs.add("over")
        if lead.owner is None:
            needs.add("unowned")
        if not NextTouch.objects.filter(lead=lead).exists():
            needs.add("no_next")
        since = now - timedelta(days=reviews.untouched_days)
        if lead.created_at < since and not any(one.happened_at >= since for one in lead.touches.all()):
            needs.add("stale")
    return Seen(
        lead.pk,
        lead.status,
        lead.owner_id,
        lead.owner.team_id if lead.owner else lead.queue_id,
        lead.lead_source,
        (now - lead.status_since).total_seconds(),
        frozenset(needs),
        _steps(lead),
    )


def _steps(lead: Lead) -> list[tuple[datetime, int, str, str]]:
    """When it came into which status, and out of which."""
    moves = list(Move.objects.filter(object="lead", record_id=lead.pk).order_by("version"))
    if not moves:
        return [(lead.status_since, 0, "", lead.status)]
    first, found, state = moves[0], [], ""
    if first.from_state:
        state = first.from_state
        found.append((min(lead.created_at, first.at), first.version - 1, "", state))
    for one in moves:
        came = one.from_state or state
        if one.to_state != came:
            found.append((one.at, one.version, came, one.to_state))
        state = one.to_state
    return sorted(found)


def went(leads: Sequence[Seen], since: datetime, before: datetime, now: datetime) -> dict[tuple[str, str], set[int]]:
    """Which leads left each status in the time, and what became of those that arrived."""
    found: dict[tuple[str, str], set[int]] = {}
    rank = {str(status): place for place, status in enumerate(PATH)}
    for lead in leads:
        inside = [one for one in lead.steps if since <= one[0] < before and one[0] <= now]
        for _, _, old, _ in inside:
            found.setdefault((old, "left"), set()).add(lead.pk)
        for status in {one[3] for one in inside}:
            arrived = min(one for one in inside if one[3] == status)
            later = [rank[one[3]] for one in lead.steps if one > arrived and one[0] <= now and one[3] in rank]
            fate = "back"
            if status in rank and later and max(later) > rank[status]:
                fate = "on"
            elif lead.status == status:
                fate = "here"
            elif lead.status in (Status.CLOSED_NURTURE, Status.CLOSED_DO_NOT_CONTACT):
                fate = "aside"
            found.setdefault((status, fate), set()).add(lead.pk)
    return found


def percentile(values: Sequence[float], part: float) -> float | None:
    """The value so far into the values, between two of them in proportion."""
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * part
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def needs_of(leads: Sequence[Seen]) -> Counter[str]:
    """How many of them need what, and how many are open."""
    found = Counter(one for lead in leads for one in lead.needs)
    found["open"] = sum(lead.status in OPEN for lead in leads)
    return found
